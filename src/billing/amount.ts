/** A whole, non-negative number of micro-USD; anything else is a bug that must not become money. */
export function assertAmount(amountMicroUsd: number): void {
  if (!Number.isSafeInteger(amountMicroUsd) || amountMicroUsd < 0)
    throw new RangeError(`${amountMicroUsd} is no amount in micro-USD`);
}
