import { isId, newId } from './ids.js';
import { idAt } from './id-at.js';

it('stands between the ids made before and after that time', () => {
  const id = newId('whd');
  expect(isId('whd', idAt('whd', 0))).toBe(true);
  expect(idAt('whd', 1) < id).toBe(true);
  expect(idAt('whd', -1) > id).toBe(true);
  expect(idAt('whd', 30) < idAt('whd', 29)).toBe(true);
});
