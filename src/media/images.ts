import { encode } from 'blurhash';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { type MediaFacts, type MediaLimits, UnusableMedia } from './media.js';

/** Loaders for the types that are taken. libvips knows many more (SVG, TIFF, PDF…), each a risk nobody needs. */
const LOADERS = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif'].flatMap((name) => [`VipsForeignLoad${name}File`]);

/** Derivatives are made of what Kiln has stored; this only keeps a monstrous one from filling the memory. */
const DERIVATIVE_MAX_PIXELS = 150_000_000;

/** Process-wide settings of libvips: no loader but those above, no cache, one thread an image (jobs are the parallelism). */
export function guardImageLibrary(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  sharp.cache(false);
  sharp.concurrency(1);
}

function unusable(error: unknown): UnusableMedia {
  if (error instanceof UnusableMedia) return error;
  const text = error instanceof Error ? error.message : String(error);
  const known = text.includes('timeout')
    ? new UnusableMedia('timeout', 'the image could not be decoded in time')
    : text.includes('pixel limit')
      ? new UnusableMedia('too_many_pixels', 'the image has too many pixels')
      : new UnusableMedia('damaged', 'the image is damaged or cannot be decoded');
  return Object.assign(known, { cause: error });
}

/** Reads the header only: sizes are judged before a pixel is decoded. */
async function header(path: string, limits: Pick<MediaLimits, 'maxPixels'>): Promise<Metadata> {
  const facts = await sharp(path, { limitInputPixels: false }).metadata();
  const frames = facts.pages ?? 1;
  if (facts.width * facts.height * frames > limits.maxPixels) {
    const what = `${facts.width} × ${facts.height}${frames > 1 ? ` × ${frames} frames` : ''}`;
    throw new UnusableMedia('too_many_pixels', `the image has ${what} pixels, allowed are ${limits.maxPixels}`);
  }
  return facts;
}

const factsOf = (contentType: string, width: number, height: number): MediaFacts => ({
  kind: 'image',
  contentType,
  width,
  height,
  durationSeconds: null,
  fps: null,
  hasAudio: null,
});

/** Facts of an image as it is shown, its orientation applied. */
export async function probeImage(path: string, contentType: string, limits: MediaLimits): Promise<MediaFacts> {
  try {
    const { autoOrient } = await header(path, limits);
    return factsOf(contentType, autoOrient.width, autoOrient.height);
  } catch (error) {
    throw unusable(error);
  }
}

/** Encoders by the type a sanitised image has; lossy ones at a quality where a reference loses nothing visible. */
const KEPT: Readonly<Record<string, (image: Sharp) => Sharp>> = {
  'image/jpeg': (image) => image.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }),
  'image/png': (image) => image.png({ compressionLevel: 6 }),
  'image/webp': (image) => image.webp({ quality: 95 }),
};

/** Decodes and encodes anew: no metadata, no trailing bytes, nothing but pixels reaches a provider. */
export async function sanitiseImage(
  path: string,
  outPath: string,
  contentType: string,
  limits: MediaLimits,
): Promise<MediaFacts> {
  try {
    const { pages } = await header(path, limits);
    if ((pages ?? 1) > 1)
      throw new UnusableMedia('animated', `the image has ${pages} frames; only still images are taken`);
    const image = sharp(path, { limitInputPixels: limits.maxPixels, failOn: 'error', sequentialRead: true })
      .timeout({ seconds: Math.max(1, Math.ceil(limits.timeoutMs / 1000)) })
      .autoOrient()
      .toColourspace('srgb');
    const keptType = contentType in KEPT ? contentType : 'image/png';
    const encodeAs = KEPT[keptType] ?? ((png: Sharp) => png.png());
    const { width, height } = await encodeAs(image).toFile(outPath);
    return factsOf(keptType, width, height);
  } catch (error) {
    throw unusable(error);
  }
}

const open = (path: string): Sharp =>
  sharp(path, { limitInputPixels: DERIVATIVE_MAX_PIXELS, failOn: 'error' }).autoOrient();

/** WebP at most `width` pixels wide. */
export async function webpOf(path: string, outPath: string, width: number, quality: number): Promise<void> {
  try {
    await open(path).resize({ width, withoutEnlargement: true }).webp({ quality }).toFile(outPath);
  } catch (error) {
    throw unusable(error);
  }
}

export async function blurhashOf(path: string): Promise<string> {
  try {
    const { data, info } = await open(path)
      .resize({ width: 64, height: 64, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return encode(new Uint8ClampedArray(data), info.width, info.height, 4, 3);
  } catch (error) {
    throw unusable(error);
  }
}
