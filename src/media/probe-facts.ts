import { z } from 'zod';
import { type MediaFacts, UnusableMedia } from './media.js';
import { asAudio, type MediaType } from './media-type.js';

const Numeric = z.coerce.number().positive().optional().catch(undefined);

const Stream = z.object({
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  width: z.number().optional(),
  height: z.number().optional(),
  avg_frame_rate: z.string().optional(),
  duration: Numeric,
  disposition: z.object({ attached_pic: z.number().optional() }).optional(),
  side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
});

/** What is read of `ffprobe -of json -show_format -show_streams`. */
const Probe = z.object({
  streams: z.array(Stream).default([]),
  format: z.object({ duration: Numeric }).default({}),
});

function framesPerSecond(fraction: string | undefined): number | null {
  const [top, bottom] = (fraction ?? '').split('/').map(Number);
  if (!top || !bottom) return null;
  return Math.round((top / bottom) * 1000) / 1000;
}

/** Facts of a video or audio file; a cover picture in a song is no video. */
export function factsFromProbe(json: unknown, type: MediaType): MediaFacts {
  const { streams, format } = Probe.parse(json);
  const picture = streams.find((stream) => stream.codec_type === 'video' && stream.disposition?.attached_pic !== 1);
  const sound = streams.find((stream) => stream.codec_type === 'audio');
  if (picture === undefined && sound === undefined)
    throw new UnusableMedia('damaged', `the ${type.kind} has no picture and no sound`);
  if (type.kind === 'audio' && sound === undefined) throw new UnusableMedia('damaged', 'the audio has no sound');
  const durationSeconds = format.duration ?? picture?.duration ?? sound?.duration ?? null;
  if (type.kind === 'audio' || picture === undefined) {
    return {
      kind: 'audio',
      contentType: asAudio(type).contentType,
      width: null,
      height: null,
      durationSeconds,
      fps: null,
      hasAudio: true,
      audioCodec: sound?.codec_name,
    };
  }
  // Players turn the picture as the file says; the facts are of what they show.
  const rotation = picture.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? 0;
  const turned = Math.abs(rotation) % 180 === 90;
  const width = (turned ? picture.height : picture.width) ?? null;
  const height = (turned ? picture.width : picture.height) ?? null;
  return {
    kind: 'video',
    contentType: type.contentType,
    width,
    height,
    durationSeconds,
    fps: framesPerSecond(picture.avg_frame_rate),
    hasAudio: sound !== undefined,
    videoCodec: picture.codec_name,
    audioCodec: sound?.codec_name,
  };
}
