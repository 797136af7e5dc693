import { isPublicAddress, literalAddress } from './address.js';
import { checkForeignUrl, parseCallable } from './foreign-url.js';

const rules = { allow: new Set(['127.0.0.1:8080', '[::1]:9000']), allowHttp: false };
const check = (text: string) => () => checkForeignUrl(parseCallable(text), rules);

describe('isPublicAddress', () => {
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '2a00:1450:4001:81b::200e'])('takes %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ['unspecified', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['link-local, metadata', '169.254.169.254'],
    ['carrier NAT', '100.64.0.1'],
    ['Alibaba metadata', '100.100.100.200'],
    ['Oracle metadata', '192.0.0.192'],
    ['Azure wire server', '168.63.129.16'],
    ['benchmarking', '198.18.0.1'],
    ['documentation', '203.0.113.7'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['IPv4-compatible', '::127.0.0.1'],
    ['mapped', '::ffff:127.0.0.1'],
    ['mapped public', '::ffff:8.8.8.8'],
    ['translated', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['local NAT64', '64:ff9b:1::7f00:1'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001:0:53aa:64c::1'],
    ['ULA', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['documentation', '2001:db8::1'],
    ['outside global unicast', '4000::1'],
    ['not an address', 'localhost'],
    ['scoped', 'fe80::1%eth0'],
  ])('refuses %s %s', (_what, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

test('literalAddress takes the brackets off and leaves names', () => {
  expect(literalAddress('[::1]')).toBe('::1');
  expect(literalAddress('10.0.0.1')).toBe('10.0.0.1');
  expect(literalAddress('example.com')).toBeNull();
});

describe('checkForeignUrl', () => {
  it.each([
    'https://example.com/a',
    'https://example.com:443/',
    'https://8.8.8.8/',
    'http://127.0.0.1:8080/x',
    'http://[::1]:9000/',
  ])('takes %s', (text) => {
    expect(check(text)).not.toThrow();
  });

  it.each([
    ['decimal', 'https://2130706433/'],
    ['octal', 'https://0177.0.0.1/'],
    ['hexadecimal', 'https://0x7f000001/'],
    ['hex parts', 'https://0x7f.0x0.0x0.0x1/'],
    ['short', 'https://127.1/'],
    ['zero', 'https://0/'],
    ['trailing dot', 'https://127.0.0.1./'],
    ['full-width', 'https://１２７.０.０.１/'],
    ['mapped', 'https://[::ffff:127.0.0.1]/'],
    ['mapped in hex', 'https://[::ffff:7f00:1]/'],
    ['loopback v6', 'https://[::1]/'],
    ['expanded v6', 'https://[0:0:0:0:0:0:0:1]/'],
    ['NAT64', 'https://[64:ff9b::127.0.0.1]/'],
    ['6to4', 'https://[2002:7f00:1::]/'],
    ['metadata', 'https://169.254.169.254/latest/meta-data/'],
    ['http', 'http://example.com/'],
    ['port', 'https://example.com:8443/'],
    ['database port', 'https://example.com:5432/'],
    ['exception, other port', 'http://127.0.0.1:8081/'],
    ['exception, other name', 'http://localhost:8080/'],
    ['user name', 'https://user@example.com/'],
    ['password', 'https://:p@example.com/'],
    ['file', 'file:///etc/passwd'],
    ['gopher', 'gopher://example.com/'],
    ['ftp', 'ftp://example.com/'],
    ['text', 'not a url'],
    ['bare v6', 'https://::1/'],
  ])('refuses %s: %s', (_what, text) => {
    expect(check(text)).toThrow(expect.objectContaining({ name: 'EgressError', reason: 'blocked', sent: false }));
  });

  it('takes http on port 80 only where http is allowed', () => {
    const loose = { allow: new Set<string>(), allowHttp: true };
    expect(() => checkForeignUrl(parseCallable('http://example.com/'), loose)).not.toThrow();
    expect(() => checkForeignUrl(parseCallable('http://example.com:8080/'), loose)).toThrow('port 8080');
    expect(() => checkForeignUrl(parseCallable('http://10.0.0.1/'), loose)).toThrow('not a public address');
  });
});
