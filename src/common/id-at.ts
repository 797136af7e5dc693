import { TypeID } from 'typeid-js';
import type { IdPrefix } from './ids.js';
import { DAY_MS } from './time.js';

const TIME_HEX_DIGITS = 12;

/** The smallest id that a row made `daysAgo` could have: ids are time-ordered, so a primary key is an index by age. */
export function idAt(prefix: IdPrefix, daysAgo: number, now = Date.now()): string {
  const time = Math.floor(now - daysAgo * DAY_MS)
    .toString(16)
    .padStart(TIME_HEX_DIGITS, '0');
  return TypeID.fromUUID(prefix, `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`).toString();
}
