import { svg as svgBuffer } from './svg.js';
import sharp, { type Sharp } from 'sharp';
import { type Picture, pictureSize } from './recipes.js';
import { textCardSvg } from './text-card.js';

/** Renders a picture to PNG bytes of exactly its size. */
export async function renderPicture(picture: Picture): Promise<Buffer> {
  const { width, height } = pictureSize(picture);
  switch (picture.kind) {
    case 'colour': {
      const { rgb } = picture;
      const background = { r: (rgb >> 16) & 0xff, g: (rgb >> 8) & 0xff, b: rgb & 0xff };
      return png(sharp({ create: { width, height, channels: 3, background } }));
    }
    case 'file':
      return png(sharp(picture.path, { pages: 1 }).resize(width, height, { fit: 'fill' }).removeAlpha());
    case 'scaled':
      return png(
        sharp(await renderPicture(picture.of)).resize(width, height, { fit: picture.fit, position: 'centre' }),
      );
    case 'inverted':
      return png(sharp(await renderPicture(picture.of)).negate({ alpha: false }));
    case 'drawn': {
      const ground =
        picture.over.length === 0
          ? svgBuffer(gradientSvg(width, height, picture.seed))
          : await collage(picture.over, width, height);
      const card = svgBuffer(textCardSvg(picture, await hasFonts()));
      return png(
        sharp(ground)
          .resize(width, height, { fit: 'fill' })
          .composite([{ input: card }])
          .removeAlpha(),
      );
    }
  }
}

function png(image: Sharp): Promise<Buffer> {
  return image.png({ compressionLevel: 3 }).toBuffer();
}

let fontsFound: Promise<boolean> | null = null;

/** Without a font two different letters look the same. */
function hasFonts(): Promise<boolean> {
  fontsFound ??= (async () => {
    const draw = (letter: string) =>
      sharp(
        svgBuffer(
          `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><text x="4" y="24" font-size="20" font-family="sans-serif">${letter}</text></svg>`,
        ),
      )
        .raw()
        .toBuffer();
    const [first, second] = await Promise.all([draw('X'), draw('o')]);
    return !first.equals(second);
  })();
  return fontsFound;
}

/** The pictures side by side, each cropped to its column. */
async function collage(pictures: Picture[], width: number, height: number): Promise<Buffer> {
  const edges = Array.from({ length: pictures.length + 1 }, (_, index) =>
    Math.round((width * index) / pictures.length),
  );
  const columns = await Promise.all(
    pictures.map(async (picture, index) => {
      const left = edges[index] ?? 0;
      const columnWidth = (edges[index + 1] ?? width) - left;
      const input = await sharp(await renderPicture(picture))
        .resize(columnWidth, height, { fit: 'cover', position: 'centre' })
        .png()
        .toBuffer();
      return { input, left, top: 0 };
    }),
  );
  return png(sharp({ create: { width, height, channels: 3, background: '#101014' } }).composite(columns));
}

/** A seed's own colours, so that two seeds are told apart at a glance. */
export function seedHue(seed: number): number {
  return Math.abs(seed * 137.508) % 360;
}

function gradientSvg(width: number, height: number, seed: number): string {
  const hue = seedHue(seed);
  const radius = Math.min(width, height) * 0.28;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">
<stop offset="0" stop-color="hsl(${hue},55%,28%)"/><stop offset="1" stop-color="hsl(${(hue + 60) % 360},60%,52%)"/></linearGradient></defs>
<rect width="${width}" height="${height}" fill="url(#g)"/>
<circle cx="${width * 0.68}" cy="${height * 0.34}" r="${radius}" fill="hsl(${(hue + 180) % 360},70%,62%)" fill-opacity="0.8"/>
<circle cx="${width * 0.3}" cy="${height * 0.28}" r="${radius * 0.5}" fill="hsl(${(hue + 240) % 360},70%,70%)" fill-opacity="0.7"/></svg>`;
}
