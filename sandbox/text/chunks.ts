/** A private-use character: the transport sends bytes that are no UTF-8 in its place. */
export const SPOILT = '\uF8FF';

const PIECE = /\s*\S{1,16}|\s+/gu;

/** Text as a stream sends it: a word each, long ones in pieces; joined they are the text. */
export function chunksOf(text: string): string[] {
  return text.match(PIECE) ?? [];
}

/** The text cut or repeated until it is as many chunks as asked for. */
export function lengthened(text: string, chunks: number): string {
  const own = chunksOf(text.trim() === '' ? 'word' : text.trim());
  return Array.from({ length: chunks }, (_, index) => {
    const piece = own[index % own.length] ?? '';
    return index > 0 && index % own.length === 0 ? ` ${piece}` : piece;
  }).join('');
}

const FRAGMENT = /[^]{1,7}/gu;

/** JSON of a tool call's arguments in pieces that break anywhere but inside a character, as providers' do. */
export function fragmentsOf(json: string): string[] {
  return json.match(FRAGMENT) ?? [];
}
