import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { cachedFile, clipFile, ffmpeg, imageFile, pixelBomb, tinyMp3, tinyMp4, tinyPng } from '../support/media.js';

/** A file that nobody can use, and what the error must speak of. */
export interface BadMedia {
  what: string;
  filename: string;
  /** As a client would declare it; counts for nothing. */
  contentType: string;
  make: () => Promise<Buffer>;
  code: string;
  says: RegExp;
}

const text =
  (content: string): BadMedia['make'] =>
  async () =>
    Buffer.from(content);

/** A playlist whose segments a careless reader would open: a neighbour by path, and one by network. */
export const playlist = (segment: string): string =>
  `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${segment}\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n`;

async function animated(extension: 'gif' | 'webp'): Promise<Buffer> {
  const image = sharp([await imageFile('png'), await imageFile('jpg')], { join: { animated: true } });
  return extension === 'gif' ? image.gif({ keepDuplicateFrames: true }).toBuffer() : image.webp().toBuffer();
}

/** The right beginning and the right end, garbage between. */
async function corruptImage(): Promise<Buffer> {
  const noise = await sharp({
    create: {
      width: 300,
      height: 200,
      channels: 3,
      background: 'black',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .png()
    .toBuffer();
  return Buffer.concat([noise.subarray(0, 400), Buffer.alloc(4000, 0xa5), noise.subarray(-200)]);
}

/** Its index stands in front and promises five times what follows. */
async function truncatedVideo(): Promise<Buffer> {
  const path = await cachedFile('index-first-5s.mp4', async (out) =>
    ffmpeg(
      '-i',
      await clipFile('mp4', { width: 160, height: 120, seconds: 5 }),
      '-c',
      'copy',
      '-movflags',
      '+faststart',
      '-f',
      'mp4',
      out,
    ),
  );
  const whole = await readFile(path);
  return whole.subarray(0, Math.floor(whole.length * 0.4));
}

export const BAD_MEDIA: readonly BadMedia[] = [
  {
    what: 'a corrupt image',
    filename: 'a.png',
    contentType: 'image/png',
    make: corruptImage,
    code: 'damaged',
    says: /damaged/,
  },
  {
    what: 'half an image',
    filename: 'a.png',
    contentType: 'image/png',
    make: async () => (await tinyPng()).subarray(0, 60),
    code: 'damaged',
    says: /damaged/,
  },
  {
    what: 'a text named .png',
    filename: 'cat.png',
    contentType: 'image/png',
    make: text('a cat sits on a mat, and has no pixels\n'),
    code: 'unknown_type',
    says: /none of JPEG, PNG/,
  },
  {
    what: 'a 100-megapixel bomb',
    filename: 'b.png',
    contentType: 'image/png',
    make: pixelBomb,
    code: 'too_many_pixels',
    says: /12000 × 9000 pixels, allowed are 50000000/,
  },
  {
    what: 'an animated GIF',
    filename: 'a.gif',
    contentType: 'image/gif',
    make: () => animated('gif'),
    code: 'animated',
    says: /2 frames; only still images/,
  },
  {
    what: 'an animated WebP',
    filename: 'a.webp',
    contentType: 'image/webp',
    make: () => animated('webp'),
    code: 'animated',
    says: /2 frames; only still images/,
  },
  {
    what: 'a video cut in its data',
    filename: 'v.mp4',
    contentType: 'video/mp4',
    make: truncatedVideo,
    code: 'damaged',
    says: /truncated|damaged/,
  },
  {
    what: 'a video cut before its index',
    filename: 'v.mp4',
    contentType: 'video/mp4',
    make: async () => (await tinyMp4()).subarray(0, 600),
    code: 'damaged',
    says: /damaged/,
  },
  {
    what: 'a playlist named .mp4',
    filename: 'movie.mp4',
    contentType: 'video/mp4',
    make: text(playlist('http://127.0.0.1:9/segment.ts')),
    code: 'unknown_type',
    says: /none of/,
  },
  {
    what: 'a playlist behind the tag of a song',
    filename: 'song.mp3',
    contentType: 'audio/mpeg',
    make: async () => Buffer.concat([(await tinyMp3()).subarray(0, 10), Buffer.from(playlist('neighbour.ts'))]),
    code: 'unknown_type',
    says: /none of/,
  },
  {
    what: 'a concat script named .mp4',
    filename: 'movie.mp4',
    contentType: 'video/mp4',
    make: text("ffconcat version 1.0\nfile '/etc/passwd'\n"),
    code: 'unknown_type',
    says: /none of/,
  },
  {
    what: 'an SVG',
    filename: 'a.svg',
    contentType: 'image/svg+xml',
    make: text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    code: 'unknown_type',
    says: /none of/,
  },
  {
    what: 'an HTML page named .jpg',
    filename: 'a.jpg',
    contentType: 'image/jpeg',
    make: text('<!doctype html><script>alert(1)</script>'),
    code: 'unknown_type',
    says: /none of/,
  },
];

/** A picture that is a web page too, for whoever reads it as one. */
export const polyglot = async (): Promise<Buffer> =>
  Buffer.concat([await tinyPng(), Buffer.from('<html><script>alert(document.cookie)</script></html>')]);

/** A photo that says where it was taken. */
export const photoWithPlace = async (): Promise<Buffer> =>
  sharp(await imageFile('jpg'))
    .withExif({ IFD0: { Copyright: 'the secret place' }, IFD3: { GPSLatitude: '52/1 31/1 12/1' } })
    .jpeg()
    .toBuffer();
