import { parseEndpoints } from './endpoints.js';

it('reads base URLs by name', () => {
  expect(
    parseEndpoints({
      KILN_ENDPOINTS_COMFYUI: 'http://gpu-0:8188/, http://gpu-1:8188,http://gpu-0:8188',
      KILN_ENDPOINTS_EMPTY: ' ',
      PORT: '1',
    }),
  ).toEqual({
    endpoints: { COMFYUI: ['http://gpu-0:8188', 'http://gpu-1:8188'] },
    problems: [],
  });
});

it.each(['gpu-0:8188', 'ftp://gpu', 'http://a:b@gpu', 'http://gpu?x=1', 'http://gpu,,http://gpu'])(
  'refuses %s',
  (value) => {
    expect(parseEndpoints({ KILN_ENDPOINTS_X: value }).problems).toEqual([
      expect.stringMatching(/^KILN_ENDPOINTS_X holds something else/),
    ]);
  },
);

it('refuses a name in small letters', () => {
  expect(parseEndpoints({ KILN_ENDPOINTS_x: 'http://gpu' }).problems).toHaveLength(1);
});
