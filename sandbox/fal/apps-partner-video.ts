import { type App, flag, nearestWide, ratioOf, sidesOf, text } from './app.js';
import { boolean, float, integer, oneOf, required, string, url, urls } from './fields.js';
import { given, lines, prompt, seconds, seedOut, video, type VideoShape } from './video.js';

function veo(): Record<string, App> {
  const base = {
    prompt,
    aspect_ratio: oneOf('16:9', '9:16'),
    duration: oneOf('4s', '6s', '8s'),
    resolution: oneOf('720p', '1080p'),
    generate_audio: boolean,
    auto_fix: boolean,
    safety_tolerance: oneOf('1', '2', '3', '4', '5', '6'),
  };
  const full = { ...base, negative_prompt: string(), seed: integer() };
  const auto = oneOf('auto', '16:9', '9:16');
  const uhd = oneOf('720p', '1080p', '4k');
  const shape = (first: string[], last?: string): VideoShape => ({
    sides: (asked) => {
      const ratio = text(asked.body, 'aspect_ratio', first.length > 0 ? 'auto' : '16:9');
      const resolution = text(asked.body, 'resolution', '720p');
      return sidesOf(
        ratio === 'auto' ? nearestWide(given(asked, ...first)) : ratio,
        resolution === '4k' ? 2160 : lines(resolution),
      );
    },
    seconds: (body) => seconds(body, 8),
    fps: () => 24,
    sound: (body) => flag(body, 'generate_audio', true),
    first,
    ...(last === undefined ? {} : { last }),
  });
  const tier = (id: string): Record<string, App> => ({
    [id]: video(id, full, shape([])),
    [`${id}/image-to-video`]: video(
      id,
      { ...full, aspect_ratio: auto, image_url: required(url('image')) },
      shape(['image_url']),
    ),
    [`${id}/first-last-frame-to-video`]: video(
      id,
      {
        ...full,
        aspect_ratio: auto,
        resolution: uhd,
        first_frame_url: required(url('image')),
        last_frame_url: required(url('image')),
      },
      shape(['first_frame_url'], 'last_frame_url'),
    ),
  });
  return {
    ...tier('fal-ai/veo3.1'),
    ...tier('fal-ai/veo3.1/fast'),
    'fal-ai/veo3.1/reference-to-video': video(
      'fal-ai/veo3.1',
      { ...base, resolution: uhd, image_urls: required(urls('image', 3)) },
      {
        ...shape(['image_urls']),
        sides: (asked) => {
          const resolution = text(asked.body, 'resolution', '720p');
          return sidesOf(text(asked.body, 'aspect_ratio', '16:9'), resolution === '4k' ? 2160 : lines(resolution));
        },
      },
    ),
  };
}

function sora(): Record<string, App> {
  const fields = {
    prompt,
    duration: oneOf('4', '8', '12', '16', '20'),
    delete_video: boolean,
    detect_and_block_ip: boolean,
  };
  const result: App['result'] = (_asked, [file]) => ({
    video: file,
    video_id: 'video_sandbox',
    thumbnail: null,
    spritesheet: null,
  });
  const make = (pro: boolean, fromImage: boolean): App => {
    const sizes = pro ? ['720p', '1080p', 'true_1080p'] : ['720p'];
    return video(
      pro ? 'sora-2-pro' : 'sora-2',
      {
        ...fields,
        ...(pro ? {} : { model: oneOf('sora-2', 'sora-2-2025-12-08', 'sora-2-2025-10-06') }),
        resolution: oneOf(...sizes, ...(fromImage ? ['auto'] : [])),
        aspect_ratio: oneOf('16:9', '9:16', ...(fromImage ? ['auto'] : [])),
        ...(fromImage ? { image_url: required(url('image')) } : {}),
      },
      {
        sides: (asked) => {
          const ratio = text(asked.body, 'aspect_ratio', fromImage ? 'auto' : '16:9');
          const resolution = text(asked.body, 'resolution', fromImage ? 'auto' : pro ? '1080p' : '720p');
          return sidesOf(
            ratio === 'auto' ? nearestWide(given(asked, 'image_url')) : ratio,
            resolution.endsWith('1080p') ? 1080 : 720,
          );
        },
        seconds: (body) => seconds(body, 4),
        fps: () => 30,
        sound: () => true,
        first: ['image_url'],
      },
      { result },
    );
  };
  return Object.fromEntries(
    [false, true].flatMap((pro) =>
      (['text', 'image'] as const).map((from) => [
        `fal-ai/sora-2/${from}-to-video${pro ? '/pro' : ''}`,
        make(pro, from === 'image'),
      ]),
    ),
  );
}

function kling(): Record<string, App> {
  const fields = {
    prompt: string(2500),
    negative_prompt: string(2500),
    duration: oneOf(...Array.from({ length: 13 }, (_, index) => String(index + 3))),
    generate_audio: boolean,
    cfg_scale: float(0, 1),
  };
  const tier = (name: string, height: number): Record<string, App> => {
    const shape: Omit<VideoShape, 'sides'> = {
      seconds: (body) => seconds(body, 5),
      fps: () => 24,
      sound: (body) => flag(body, 'generate_audio', true),
    };
    return {
      [`fal-ai/kling-video/v3/${name}/text-to-video`]: video(
        `kling v3 ${name}`,
        { ...fields, aspect_ratio: oneOf('16:9', '9:16', '1:1') },
        { ...shape, sides: ({ body }) => sidesOf(text(body, 'aspect_ratio', '16:9'), height) },
      ),
      [`fal-ai/kling-video/v3/${name}/image-to-video`]: video(
        `kling v3 ${name}`,
        { ...fields, start_image_url: required(url('image')), end_image_url: url('image') },
        {
          ...shape,
          sides: (asked) => sidesOf(ratioOf(given(asked, 'start_image_url')), height),
          first: ['start_image_url'],
          last: 'end_image_url',
        },
      ),
    };
  };
  return { ...tier('standard', 720), ...tier('pro', 1080) };
}

function seedance(): Record<string, App> {
  const tier = (id: string, sizes: string[]): Record<string, App> => {
    const fields = {
      prompt,
      resolution: oneOf(...sizes),
      duration: oneOf('auto', ...Array.from({ length: 12 }, (_, index) => String(index + 4))),
      aspect_ratio: oneOf('auto', '21:9', '16:9', '4:3', '1:1', '3:4', '9:16'),
      generate_audio: boolean,
      seed: integer(),
      end_user_id: string(),
    };
    const shape = (first: string[], last?: string): VideoShape => ({
      sides: (asked) => {
        const ratio = text(asked.body, 'aspect_ratio', 'auto');
        return sidesOf(
          ratio === 'auto' ? ratioOf(given(asked, ...first)) : ratio,
          lines(text(asked.body, 'resolution', '720p')),
        );
      },
      seconds: (body) => seconds(body, 5),
      fps: () => 24,
      sound: (body) => flag(body, 'generate_audio', true),
      first,
      ...(last === undefined ? {} : { last }),
    });
    const more = { result: seedOut };
    return {
      [`${id}/text-to-video`]: video(id, fields, shape([]), more),
      [`${id}/image-to-video`]: video(
        id,
        { ...fields, image_url: required(url('image')), end_image_url: url('image') },
        shape(['image_url'], 'end_image_url'),
        more,
      ),
      [`${id}/reference-to-video`]: video(
        id,
        { ...fields, image_urls: urls('image', 9), video_urls: urls('video', 3), audio_urls: urls('audio', 3) },
        shape(['image_urls']),
        more,
      ),
    };
  };
  return {
    ...tier('bytedance/seedance-2.0', ['480p', '720p', '1080p']),
    ...tier('bytedance/seedance-2.0/fast', ['480p', '720p']),
  };
}

export const PARTNER_VIDEO: Readonly<Record<string, App>> = { ...veo(), ...sora(), ...kling(), ...seedance() };
