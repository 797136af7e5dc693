/**
 * A string for a regular expression of the kind JSON schemas hold: literals, classes, groups, alternation, quantifiers. Null
 * where the expression asks for more than that (look-around, back references).
 */
export function matching(pattern: string): string | null {
  try {
    const made = new Reader(pattern).alternatives();
    return new RegExp(pattern, 'u').test(made) ? made : null;
  } catch {
    return null;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { d: '1', w: 'a', s: ' ', D: 'a', W: '-', S: 'a', n: '\n', t: '\t' };
const ANCHORS = new Set(['b', 'B']);

/** Takes the first alternative and the least repetition everywhere, so what it makes is short. */
class Reader {
  private at = 0;

  constructor(private readonly pattern: string) {}

  alternatives(): string {
    const first = this.sequence();
    while (this.take('|')) this.sequence();
    return first;
  }

  private sequence(): string {
    let made = '';
    while (this.at < this.pattern.length && !'|)'.includes(this.peek())) {
      const atom = this.atom();
      made += atom.repeat(this.least());
    }
    return made;
  }

  private atom(): string {
    const character = this.next();
    if (character === '^' || character === '$') return '';
    if (character === '.') return 'a';
    if (character === '[') return this.oneOf();
    if (character === '\\') return this.escaped();
    if (character !== '(') return character;
    if (this.take('?')) this.groupName();
    const inner = this.alternatives();
    if (!this.take(')')) throw new SyntaxError('a group does not end');
    return inner;
  }

  private groupName(): void {
    if (this.take(':')) return;
    if (!this.take('<') || '=!'.includes(this.peek())) throw new SyntaxError('look-around');
    while (this.next() !== '>');
  }

  private escaped(): string {
    const letter = this.next();
    if (ANCHORS.has(letter)) return '';
    return ESCAPES[letter] ?? letter;
  }

  private oneOf(): string {
    const isNegated = this.take('^');
    const start = this.at;
    let first: string | null = null;
    while (this.peek() !== ']' || this.at === start) {
      const one = this.next() === '\\' ? this.escaped() : this.pattern.charAt(this.at - 1);
      first ??= one;
    }
    const source = this.pattern.slice(start, this.at);
    this.at += 1;
    if (!isNegated) return first ?? '';
    const outside = new RegExp(`[^${source}]`, 'u');
    return ['a', '1', '-', ' ', 'A', '_'].find((one) => outside.test(one)) ?? 'é';
  }

  private least(): number {
    const counted = /^\{(\d+)(?:,\d*)?\}/.exec(this.pattern.slice(this.at));
    if (counted) {
      this.at += counted[0].length;
      this.take('?');
      return Number(counted[1]);
    }
    const isOptional = this.take('*') || this.take('?');
    if (!isOptional) this.take('+');
    this.take('?');
    return isOptional ? 0 : 1;
  }

  private peek(): string {
    return this.pattern.charAt(this.at);
  }

  private next(): string {
    if (this.at >= this.pattern.length) throw new SyntaxError('the pattern ends early');
    this.at += 1;
    return this.pattern.charAt(this.at - 1);
  }

  private take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at += 1;
    return true;
  }
}
