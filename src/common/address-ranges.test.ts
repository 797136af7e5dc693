import { isAddressAllowed, isAddressRange } from './address-ranges.js';

test.each([
  ['192.0.2.7', true],
  ['10.0.0.0/8', true],
  ['0.0.0.0/0', true],
  ['2001:db8::1', true],
  ['2001:db8::/32', true],
  ['::ffff:192.0.2.0/120', true],
  ['10.0.0.0/33', false],
  ['2001:db8::/129', false],
  ['10.0.0.0/-1', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['10.1', false],
  ['010.0.0.1', false],
  ['0x7f.0.0.1', false],
  ['2130706433', false],
  ['fe80::1%eth0', false],
  ['localhost', false],
  ['', false],
])('%s is an address or a range: %s', (text, is) => {
  expect(isAddressRange(text)).toBe(is);
});

test.each<[string[], string, boolean]>([
  [[], '203.0.113.9', true],
  [['203.0.113.9'], '203.0.113.9', true],
  [['203.0.113.9'], '203.0.113.10', false],
  [['203.0.113.0/24'], '203.0.113.255', true],
  [['203.0.113.0/24'], '203.0.114.0', false],
  [['203.0.113.77/24'], '203.0.113.1', true],
  [['203.0.113.9'], '::ffff:203.0.113.9', true],
  [['203.0.113.9'], '::ffff:cb00:7109', true],
  [['::ffff:203.0.113.9'], '203.0.113.9', true],
  [['::ffff:203.0.113.0/120'], '203.0.113.9', true],
  [['0:0:0:0:0:ffff:cb00:7109'], '203.0.113.9', true],
  [['2001:db8::/32'], '2001:DB8:ffff::1', true],
  [['2001:db8::/32'], '2001:db9::1', false],
  [['2001:db8:0:0:0:0:0:1'], '2001:db8::1', true],
  [['fe80::/10'], 'fe80::1%eth0', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['::/0'], '203.0.113.9', false],
  [['10.0.0.0/8', '2001:db8::1'], '2001:db8::1', true],
  [['10.0.0.0/8'], '', false],
  [['10.0.0.0/8'], 'unix', false],
])('of %j %s is: %s', (ranges, address, is) => {
  expect(isAddressAllowed(ranges, address)).toBe(is);
});
