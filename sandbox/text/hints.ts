/** What a prompt offers for the arguments of a tool or the values of a document. */
export interface Hints {
  text: string;
  /** Names after a preposition: "in Tokyo and New York" are two. */
  names: string[];
  quoted: string[];
  numbers: number[];
}

const NAME = String.raw`\p{Lu}[\p{L}\p{M}'’-]*(?: \p{Lu}[\p{L}\p{M}'’-]*)*`;
const NAMES = new RegExp(
  String.raw`\b(?:in|for|at|of|to|from|near) (${NAME}(?:(?:, and |, | and | & )${NAME})*)`,
  'gu',
);

export function hintsOf(text: string): Hints {
  return {
    text,
    names: [...text.matchAll(NAMES)].flatMap(([, list = '']) => list.split(/, and |, | and | & /)),
    quoted: [...text.matchAll(/["“'‘]([^"”'’]{1,200})["”'’](?!\p{L})/gu)].map(([, inner = '']) => inner),
    numbers: [...text.matchAll(/(?<![\w.-])-?\d+(?:\.\d+)?(?!\w)/g)].map(([number]) => Number(number)),
  };
}

const LIKE_A_TEXT = /query|question|text|prompt|input|message|topic|content|search|expression|task/i;

/** A plausible string for a property, by its name. */
export function stringFor(property: string, { text, names, quoted }: Hints): string {
  if (LIKE_A_TEXT.test(property)) return quoted[0] ?? (text.trim() || `some ${property}`);
  return names[0] ?? quoted[0] ?? `some ${property === '' ? 'text' : property}`;
}
