import { convert, sizeOf } from './convert.js';

describe('conversions', () => {
  test.each([
    [{ to: '1.a' }, 'x', { value: 'x' }],
    [
      { to: '1.a', frames: { fps: 24, step: 4, plus: 1 } },
      4,
      { value: 97, warning: 'f 4 became 97 frames at 24 fps (4.04 s)' },
    ],
    [{ to: '1.a', frames: { fps: 16, step: 1, plus: 0 } }, 5, { value: 80 }],
    [
      { to: '1.a', frames: { fps: 24, step: 4, plus: 1 } },
      0.01,
      { problem: 'f 0.01 is shorter than this workflow can make' },
    ],
    [{ to: '1.a', number: { times: 0.5, plus: 0, step: 8 } }, 1000, { value: 504, warning: 'f 1000 became 504' }],
    [{ to: '1.a', number: { times: 0.5, plus: 0 } }, 3, { value: 1.5 }],
    [{ to: '1.a', values: { high: 'V0' } }, 'high', { value: 'V0' }],
    [{ to: '1.a', values: { high: 'V0' } }, 'low', { problem: 'f "low" is not one of high' }],
    [{ to: '1.a', modulo: 10 }, 42, { value: 2, warning: 'f 42 became 2' }],
    [{ to: '1.a', modulo: 10 }, 'x', { problem: 'f must be a number' }],
    [{ to: '1.a', values: { yes: 'on', no: null } }, 'no', { value: null }],
    [
      { to: '1.a', frames: { fps: 'fps', step: 8, plus: 1 } },
      4,
      { value: 201, warning: 'f 4 became 201 frames at 50 fps (4.02 s)' },
    ],
    [{ to: '1.a', frames: { fps: 'rate', step: 8, plus: 1 } }, 4, { problem: 'rate must be a number' }],
    [
      { to: '1.a', frames: { fps: 30, step: 36, plus: 1, as: 'seconds' as const } },
      5,
      { value: 4.8, warning: 'f 5 became 145 frames at 30 fps (4.83 s)' },
    ],
    [{ to: '1.a' }, ['x'], { problem: "f can't be given to this workflow as a list or object" }],
  ])('%j of %j', (target, value, expected) => {
    expect(convert('f', value, target, { fps: 50 })).toEqual(expected);
  });

  test('sizes', () => {
    const rule = { width: [{ to: '1.w' }], height: [{ to: '1.h' }], free: { min: 64, max: 2048, step: 16 } };
    expect(sizeOf({ size: '1000x700' }, rule, null)).toEqual({
      size: { width: 1008, height: 704 },
      warnings: ['size 1000x700 became 1008x704 (multiples of 16)'],
    });
    expect(sizeOf({ width: 512, height: 64 }, rule, null)).toEqual({ size: { width: 512, height: 64 }, warnings: [] });
    expect(sizeOf({ width: 512 }, rule, null)).toEqual({ problem: 'width and height go together' });
    expect(sizeOf({ size: '32x64' }, rule, null)).toEqual({ problem: 'size 32x64: each side must be from 64 to 2048' });
    expect(sizeOf({ size: 'auto' }, rule, null)).toEqual({ problem: 'size auto must be WIDTHxHEIGHT' });
    expect(sizeOf({ aspect_ratio: '1:1' }, rule, null)).toMatchObject({
      problem: expect.stringContaining('give width and height') as string,
    });
    expect(sizeOf({}, rule, null)).toEqual({ size: null, warnings: [] });
  });
});
