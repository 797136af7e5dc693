import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outcomeOf, TEXT_FAULTS } from './text-faults.js';
import { OPENAI, VENDORS } from './vendors.js';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/sandbox-text.md'), 'utf8');

it('is documented, fault by fault', () => {
  const rows = Object.entries(TEXT_FAULTS).map(([name, { value, says }]) => {
    const marker = value === 'none' ? name : `${name}=${value === 'ms' ? 'MS' : 'N'}`;
    return `| \`${marker}\` | ${says} |`;
  });
  expect(rows.filter((row) => !PAGE.includes(row))).toEqual([]);
});

it('has a documented mount for each vendor', () => {
  expect([OPENAI, ...VENDORS].filter(({ prefix }) => !PAGE.includes(`| \`${prefix}\` |`))).toEqual([]);
});

it('shapes the answer', () => {
  expect(outcomeOf({})).toEqual({ ends: 'well', chunks: null, isSpoilt: false });
  expect(outcomeOf({ chunks: 3, filter: null, 'invalid-utf8': null })).toEqual({
    ends: 'filtered',
    chunks: 3,
    isSpoilt: true,
  });
  expect(outcomeOf({ refusal: null }).ends).toBe('refused');
});
