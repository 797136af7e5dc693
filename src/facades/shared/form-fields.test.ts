import * as fc from 'fast-check';
import { KilnError } from '../../common/errors.js';
import { type FormFields, setField } from './form-fields.js';

function read(...parts: [string, unknown][]): FormFields {
  const fields: FormFields = {};
  for (const [name, value] of parts) setField(fields, name, value);
  return fields;
}

function refusal(...parts: [string, unknown][]): KilnError {
  try {
    read(...parts);
  } catch (error) {
    if (error instanceof KilnError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test.each([
  [[['size', '1x1']], { size: '1x1' }],
  [[['image[]', 'a']], { image: ['a'] }],
  [
    [
      ['image[]', 'a'],
      ['prompt', 'p'],
      ['image[]', 'b'],
    ],
    { image: ['a', 'b'], prompt: 'p' },
  ],
  [
    [
      ['image', 'a'],
      ['image', 'b'],
      ['image', 'c'],
    ],
    { image: ['a', 'b', 'c'] },
  ],
  [
    [
      ['images[0][image_url]', 'a'],
      ['images[1][file_id]', 'b'],
    ],
    { images: [{ image_url: 'a' }, { file_id: 'b' }] },
  ],
  [[['input_reference[image_url]', 'a']], { input_reference: { image_url: 'a' } }],
  [[['provider_options[fal][x][]', '1']], { provider_options: { fal: { x: ['1'] } } }],
] as [[string, unknown][], FormFields][])('%j', (parts, fields) => {
  expect(read(...parts)).toEqual(fields);
});

test.each([
  [[['a[b', 1]], 'a[b'],
  [[['[a]', 1]], '[a]'],
  [[['', 1]], ''],
  [[['a[][b]', 1]], 'a[][b]'],
  [[['a[0][1][2][3][4]', 1]], 'a[0][1][2][3][4]'],
  [[['__proto__[x]', 1]], '__proto__[x]'],
  [[['a[constructor]', 1]], 'a[constructor]'],
  [[['a[1]', 1]], 'a[1]'],
  [
    [
      ['a', 1],
      ['a[b]', 1],
    ],
    'a[b]',
  ],
  [
    [
      ['a[b]', 1],
      ['a[]', 1],
    ],
    'a[]',
  ],
  [
    [
      ['a[b]', 1],
      ['a[b]', 2],
    ],
    'a[b]',
  ],
] as [[string, unknown][], string][])('%j is refused by its name', (parts, param) => {
  expect(refusal(...parts)).toMatchObject({ status: 400, param });
});

test('any name is read or refused, and nothing but the fields is touched', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: fc.constantFrom(...'ab[]01_'.split('')) }), fc.string())),
      (parts) => {
        const fields: FormFields = {};
        for (const [name, value] of parts) {
          try {
            setField(fields, name, value);
          } catch (error) {
            expect(error).toBeInstanceOf(KilnError);
          }
        }
        expect(Object.getPrototypeOf(fields)).toBe(Object.prototype);
        expect(JSON.parse(JSON.stringify(fields))).toEqual(fields);
      },
    ),
  );
});
