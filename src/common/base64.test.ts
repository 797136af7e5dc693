import { isBase64 } from './base64.js';

it.each(['QQ==', 'QUI=', 'QUJD', 'QUJDRA', '+/+/'])('takes %s', (text) => expect(isBase64(text)).toBe(true));
it.each(['', '=', '==', 'A', 'QUJDR', 'Q-', 'Q_==', 'QQ===', 'Q=Q=', 'QU JD', 'QUJD\n'])('refuses %j', (text) =>
  expect(isBase64(text)).toBe(false),
);
it('reads megabytes', () => {
  expect(isBase64('A'.repeat(40_000_000))).toBe(true);
  expect(isBase64(`${'A'.repeat(39_999_999)}!`)).toBe(false);
});
