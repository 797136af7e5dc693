import { pixelsOf, readSize, sizeText } from './size.js';
import { model, refusal, videoModels } from './test-models.js';

describe('readSize', () => {
  it.each([
    // OpenAI's four: the two of sora-2, and the two of sora-2-pro, which are a little narrower than 16:9.
    ['kling-3.0', '1280x720', '720p', '16:9'],
    ['kling-3.0', '720x1280', '720p', '9:16'],
    ['kling-3.0', '1792x1024', '1080p', '16:9'],
    ['kling-3.0', '1024x1792', '1080p', '9:16'],
    ['sora-2', '720x1280', '720p', '9:16'],
    // Others that people send.
    ['kling-3.0', '1920x1080', '1080p', '16:9'],
    ['kling-3.0', '3840x2160', '4k', '16:9'],
    ['kling-3.0', '1080x1080', '1080p', '1:1'],
    ['kling-3.0', '960x960', '720p', '1:1'],
    ['wan-2.2', '1280x704', '720p', '16:9'],
    ['ltx-2', '2560x1440', '1440p', '16:9'],
    ['seedance-2', '864x496', '480p', '16:9'],
    ['seedance-2', '1112x834', '720p', '4:3'],
    ['skyreels-v2', '960x544', '540p', '16:9'],
  ])('%s makes %s as %s in %s', (id, size, resolution, ratio) => {
    expect(readSize(model(id), size)).toEqual({ resolution, aspect_ratio: ratio });
  });

  it('takes every size that it names', () => {
    for (const one of videoModels().filter(({ id }) => id !== 'framepack')) {
      const { message } = refusal(() => readSize(one, '1x1'));
      const sizes = message.match(/\d{3,4}x\d{3,4}/g) ?? [];
      expect([one.id, sizes.length > 0]).toEqual([one.id, true]);
      for (const size of sizes) {
        const frame = readSize(one, size);
        expect([one.id, size]).toEqual([one.id, sizeText(frame.resolution, frame.aspect_ratio)]);
      }
    }
  });

  it.each([
    ['sora-2', '1792x1024', /must be one of 1280x720, 720x1280 for sora-2; got "1792x1024"/],
    ['wan-2.2', '1920x1080', /must be one of 1280x720, 720x1280, 720x720 for wan-2.2/],
    ['kling-3.0', '720p', /got "720p"/],
    ['kling-3.0', 720, /got 720/],
    ['framepack', '1280x720', /not supported by framepack: the clip has the image's shape/],
  ])('%s refuses %j', (id, size, message) => {
    expect(refusal(() => readSize(model(id), size))).toEqual({
      param: 'size',
      code: '400',
      message: expect.stringMatching(message),
    });
  });
});

describe('pixelsOf', () => {
  it.each([
    ['720p', '21:9', { width: 1680, height: 720 }],
    ['720p', '3:4', { width: 720, height: 960 }],
    ['480p', '16:9', { width: 854, height: 480 }],
    ['4k', '9:16', { width: 2160, height: 3840 }],
    ['huge', '16:9', null],
    ['720p', 'auto', null],
  ])('%s in %s', (resolution, ratio, size) => {
    expect(pixelsOf(resolution, ratio)).toEqual(size);
  });
});
