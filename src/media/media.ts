/** What a media file is, as ffprobe and sharp see it. */
export interface MediaFacts {
  kind: 'image' | 'video' | 'audio';
  contentType: string;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
  fps: number | null;
  hasAudio: boolean | null;
  videoCodec?: string;
  audioCodec?: string;
}

export interface MediaLimits {
  maxBytes: number;
  /** Width × height × frames. */
  maxPixels: number;
  maxDurationSeconds: number;
  timeoutMs: number;
}

/** The file can't be used: damaged, not what it claims, or over a limit. `message` may be shown to the client. */
export class UnusableMedia extends Error {
  override readonly name = 'UnusableMedia';
  constructor(
    readonly reason:
      | 'unknown_type'
      | 'not_allowed'
      | 'damaged'
      | 'too_large'
      | 'too_many_pixels'
      | 'too_long'
      | 'animated'
      | 'timeout',
    message: string,
  ) {
    super(message);
  }
}

export interface Derivative {
  path: string;
  contentType: string;
  bytes: number;
}

/** All paths are local files with names made by the caller; nothing here reaches the network. */
export interface Media {
  /** Content type by magic bytes, null when none of the types Kiln takes. */
  sniff(path: string): Promise<{ contentType: string; kind: MediaFacts['kind'] } | null>;
  /** Facts of a media file that Kiln takes; throws UnusableMedia. */
  probe(path: string, limits: MediaLimits): Promise<MediaFacts>;
  /**
   * Makes a user's reference safe in `outPath` and says what it is: images are re-encoded without metadata (JPEG, PNG, WebP
   * keep their type; AVIF and GIF become PNG; more than one frame is refused), video and audio are remuxed without metadata.
   */
  sanitise(path: string, outPath: string, limits: MediaLimits): Promise<MediaFacts>;
  /** Moves the index of an MP4 to its front; other files are left alone (returns false). */
  faststart(path: string, outPath: string): Promise<boolean>;
  /** JPEG of a frame near the start, at the clip's own size. */
  poster(path: string, outDir: string, facts: MediaFacts): Promise<Derivative>;
  /** A short muted clip, at most 480 px wide and 4 s long. */
  preview(path: string, outDir: string, facts: MediaFacts): Promise<Derivative>;
  /** JPEG of a 4×4 grid of frames, evenly spread over the clip, each at most 320 px wide. */
  spritesheet(path: string, outDir: string, facts: MediaFacts): Promise<Derivative>;
  /** WebP at most 320 px wide of an image file (of the poster, for a video). */
  thumbnail(imagePath: string, outDir: string): Promise<Derivative>;
  /** WebP at most 1280 px wide, for images. */
  webpPreview(imagePath: string, outDir: string): Promise<Derivative>;
  /** PNG picture of the sound. */
  waveform(path: string, outDir: string): Promise<Derivative>;
  /** BlurHash of an image file, 4×3 components. */
  blurhash(imagePath: string): Promise<string>;
}

export const MEDIA = Symbol('MEDIA');
