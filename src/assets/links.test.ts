import { Links, type LinkTarget } from './links.js';

const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const;
const links = new Links({ publicUrl: () => 'https://kiln.test', linkKeys: [keys[0]] });
const target: LinkTarget = {
  assetId: 'out_1',
  keyId: 'key_1',
  variant: 'poster',
  expiresAt: new Date(1_800_000_000_000),
};
const open = (url: string): { signature: string; expires: number } => {
  const { searchParams } = new URL(url);
  return { signature: searchParams.get('signature') ?? '', expires: Number(searchParams.get('expires')) };
};

it('opens what was signed', () => {
  const url = links.sign(target);
  expect(url).toMatch(/^https:\/\/kiln\.test\/files\/out_1\/poster\?expires=1800000000&signature=[\w-]{43}$/);
  expect(links.verify({ ...target, expires: 1_800_000_000 }, open(url).signature)).toBe(true);
});

it.each([{ assetId: 'out_2' }, { keyId: 'key_2' }, { variant: 'content' }, { expires: 1_800_000_001 }])(
  'opens nothing else: %j',
  (changed) => {
    const { signature } = open(links.sign(target));
    expect(links.verify({ ...target, expires: 1_800_000_000, ...changed }, signature)).toBe(false);
  },
);

it('refuses a changed, cut or missing signature', () => {
  const { signature, expires } = open(links.sign(target));
  for (const wrong of [
    '',
    signature.slice(0, -4),
    `${signature}AAAA`,
    signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
  ]) {
    expect(links.verify({ ...target, expires }, wrong)).toBe(false);
  }
});

it('has one spelling: the spare bits of the last character count', () => {
  const { signature, expires } = open(links.sign(target));
  const bytes = Buffer.from(signature, 'base64url');
  const twins = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
    .map((last) => signature.slice(0, -1) + last)
    .filter((text) => text !== signature && Buffer.from(text, 'base64url').equals(bytes));
  expect(twins).toHaveLength(3);
  for (const twin of twins) expect(links.verify({ ...target, expires }, twin)).toBe(false);
});

it('goes on verifying under the former key, and not under one that is gone', () => {
  const { signature, expires } = open(links.sign(target));
  const rotating = new Links({ publicUrl: () => '', linkKeys: [keys[1], keys[0]] });
  const done = new Links({ publicUrl: () => '', linkKeys: [keys[1]] });
  expect(rotating.verify({ ...target, expires }, signature)).toBe(true);
  expect(done.verify({ ...target, expires }, signature)).toBe(false);
});

it('does not take a link for a PUT', () => {
  const grant = { uploadId: 'upload_1', keyId: 'key_1', bytes: 5, contentType: 'image/png', expires: 1_800_000_000 };
  const signature = links.signPut(grant).split('.').at(-1) ?? '';
  expect(links.verifyPut(grant, signature)).toBe(true);
  expect(links.verifyPut({ ...grant, bytes: 6 }, signature)).toBe(false);
  expect(links.verifyPut({ ...grant, contentType: 'video/mp4' }, signature)).toBe(false);
  expect(links.verifyPut(grant, open(links.sign(target)).signature)).toBe(false);
});
