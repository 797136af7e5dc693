/** A number as it is written in decimal: `digits` × 10^-`scale`. */
interface Exact {
  digits: bigint;
  scale: number;
}

const ONE: Exact = { digits: 1n, scale: 0 };

/** The shortest decimal that names this number: 0.1 is one tenth here, without the dust of its binary form. */
function exact(value: number): Exact {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

const times = (a: Exact, b: Exact): Exact => ({ digits: a.digits * b.digits, scale: a.scale + b.scale });

function plus(a: Exact, b: Exact): Exact {
  const scale = Math.max(a.scale, b.scale);
  const at = ({ digits, scale: own }: Exact): bigint => digits * 10n ** BigInt(scale - own);
  return { digits: at(a) + at(b), scale };
}

/**
 * The sum of products, rounded up once: `[[2, 0.5], [3, 0.1]]` is 2 × 0.5 + 3 × 0.1, so 2. Of finite numbers, none negative.
 */
export function ceilSum(products: readonly (readonly number[])[], perMillion = false): number {
  const sum = products
    .map((factors) => factors.map(exact).reduce(times, ONE))
    .reduce(plus, { digits: 0n, scale: perMillion ? 6 : 0 });
  const unit = 10n ** BigInt(sum.scale + (perMillion ? 6 : 0));
  return Number((sum.digits + unit - 1n) / unit);
}
