import { isWithinAny } from '../../src/access/address.js';
import { rangeFrom } from '../../src/identity/tokens/allowed-ips.js';

describe('a range of addresses', () => {
  it.each([
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.7', '203.0.113.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['2001:DB8:0::1', '2001:db8::1/128'],
    ['::/0', '::/0'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:10.1.2.3', '10.1.2.3/32'],
  ])('%s is stored as %s', (text, cidr) => {
    expect(rangeFrom(text)).toEqual({ cidr });
  });

  it.each([
    '',
    ' ',
    'all',
    '*',
    'example.com',
    '10.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/08x',
    '010.0.0.0/8',
    '0x0a.0.0.0/8',
    ' 10.0.0.0/8',
    '2001:db8::/129',
    'fe80::1%eth0',
    'fe80::%eth0/64',
  ])('%j is none', (text) => {
    expect(rangeFrom(text)).toHaveProperty('problem');
  });

  it.each(['10.0.0.1/8', '2001:db8::1/32', '::ffff:10.0.0.1/104'])(
    '%s says more bits than it means',
    (text) => {
      expect(rangeFrom(text)).toEqual({
        problem: 'has bits set beyond its prefix: write the first address of the range',
      });
    },
  );

  it('does not let every IPv4 address in through a mapped prefix', () => {
    expect(rangeFrom('::ffff:0:0/90')).toHaveProperty('problem');
  });

  it('holds an address however the socket writes it', () => {
    expect(isWithinAny('::ffff:10.1.2.3', ['10.0.0.0/8'])).toBe(true);
    expect(isWithinAny('11.1.2.3', ['10.0.0.0/8'])).toBe(false);
    expect(isWithinAny('unknown', ['0.0.0.0/0', '::/0'])).toBe(false);
    expect(isWithinAny('10.1.2.3', [])).toBe(false);
  });
});
