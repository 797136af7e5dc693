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
  return quickSum(products, perMillion ? 1_000_000 : 1) ?? exactSum(products, perMillion);
}

/** Of whole numbers that stay whole numbers all the way, which most are: the same, without big integers. Else null. */
function quickSum(products: readonly (readonly number[])[], unit: number): number | null {
  let sum = 0;
  for (const factors of products) {
    let product = 1;
    for (const factor of factors) {
      product *= factor;
      if (!Number.isSafeInteger(factor) || !Number.isSafeInteger(product)) return null;
    }
    sum += product;
  }
  if (!Number.isSafeInteger(sum)) return null;
  const rest = sum % unit;
  return (sum - rest) / unit + (rest > 0 ? 1 : 0);
}

function exactSum(products: readonly (readonly number[])[], perMillion: boolean): number {
  const sum = products
    .map((factors) => factors.map(exact).reduce(times, ONE))
    .reduce(plus, { digits: 0n, scale: perMillion ? 6 : 0 });
  const unit = 10n ** BigInt(sum.scale + (perMillion ? 6 : 0));
  return Number((sum.digits + unit - 1n) / unit);
}
