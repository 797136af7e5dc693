import { pixelTextSvg } from './pixel-font.js';

/** A card of text as SVG: prompt and seed on a dark panel along the lower edge. */
export interface TextCard {
  width: number;
  height: number;
  title: string;
  prompt: string;
  seed: number;
}

const MAX_LINES = 5;

/** Escapes for XML; characters that XML 1.0 has no place for are dropped. */
export function escapeXml(text: string): string {
  const allowed = Array.from(text.toWellFormed()).filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    return code === 9 || (code >= 0x20 && code !== 0xfffe && code !== 0xffff && !(code >= 0x7f && code < 0xa0));
  });
  return allowed
    .join('')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Breaks a text into lines of at most `lineLength` characters; what is beyond `maxLines` ends in an ellipsis. */
export function wrapText(text: string, lineLength: number, maxLines: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    for (let rest = Array.from(word); rest.length > 0;) {
      const room = lineLength - Array.from(line).length - (line === '' ? 0 : 1);
      if (rest.length <= room) {
        line += (line === '' ? '' : ' ') + rest.join('');
        break;
      }
      if (line === '') {
        lines.push(rest.slice(0, lineLength).join(''));
        rest = rest.slice(lineLength);
      } else {
        lines.push(line);
        line = '';
      }
      if (lines.length > maxLines) break;
    }
    if (lines.length > maxLines) break;
  }
  if (line !== '') lines.push(line);
  if (lines.length <= maxLines) return lines;
  const last = Array.from(lines[maxLines - 1] ?? '')
    .slice(0, lineLength - 1)
    .join('');
  return [...lines.slice(0, maxLines - 1), `${last}…`];
}

/** `hasFonts` false: letters are drawn from bitmaps, see `pixel-font.ts`. */
export function textCardSvg(card: TextCard, hasFonts = true): string {
  const draw = hasFonts ? textSvg : pixelTextSvg;
  const fontSize = Math.max(8, Math.round(Math.min(card.width, card.height) / 20));
  const margin = fontSize;
  const lineLength = Math.max(8, Math.floor((card.width - 4 * margin) / (fontSize * 0.58)));
  const prompt = wrapText(card.prompt, lineLength, MAX_LINES);
  const lines = [...prompt, `seed ${card.seed} · ${card.width}×${card.height}`];
  const lineHeight = fontSize * 1.35;
  const panelHeight = Math.round(lineHeight * (lines.length + 1.4) + margin);
  const top = card.height - panelHeight - margin * 1.5;
  const spans = lines.map((line, index) => {
    const isLast = index === lines.length - 1;
    const y = top + margin + lineHeight * (index + 1.9);
    return draw(line, margin * 2, y, fontSize, isLast ? '#ffd166' : '#ffffff');
  });
  const title = draw(card.title, margin * 2, top + margin + lineHeight * 0.7, Math.round(fontSize * 0.75), '#8ecae6');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${card.width}" height="${card.height}" font-family="DejaVu Sans, Liberation Sans, Noto Sans, sans-serif">
<rect x="${margin}" y="${top}" width="${card.width - 2 * margin}" height="${panelHeight}" rx="${fontSize / 2}" fill="#000000" fill-opacity="0.62"/>
${title}
${spans.join('\n')}
</svg>`;
}

function textSvg(text: string, x: number, y: number, fontSize: number, fill: string): string {
  return `<text x="${x}" y="${y}" font-size="${fontSize}" fill="${fill}">${escapeXml(text)}</text>`;
}
