import { isIP, isIPv4 } from 'node:net';
import { ValidateBy } from 'class-validator';
import ipaddr from 'ipaddr.js';

const MOST_RANGES = 100;
const MAPPED_BITS = 96;

/**
 * A range of addresses as it is stored, or what is wrong with the text. A plain address is a range of one; an IPv4-mapped range is the IPv4
 * range that it maps, since that is how addresses are compared.
 */
export function rangeFrom(text: string): Readonly<{ cidr: string } | { problem: string }> {
  const [address = ''] = text.split('/');
  const cidr = text.includes('/') ? text : `${text}/${isIPv4(text) ? '32' : '128'}`;
  if (isIP(address) === 0 || address.includes('%') || !ipaddr.isValidCIDR(cidr)) {
    return { problem: 'is neither an address nor a range in CIDR form, such as 203.0.113.0/24' };
  }
  const [first, bits] = ipaddr.parseCIDR(cidr);
  const mapped = first instanceof ipaddr.IPv6 && first.isIPv4MappedAddress();
  if (mapped && bits < MAPPED_BITS) {
    return { problem: 'takes in every IPv4-mapped address: write the IPv4 range itself' };
  }
  const network =
    first instanceof ipaddr.IPv6
      ? ipaddr.IPv6.networkAddressFromCIDR(cidr)
      : ipaddr.IPv4.networkAddressFromCIDR(cidr);
  if (network.toNormalizedString() !== first.toNormalizedString()) {
    return { problem: 'has bits set beyond its prefix: write the first address of the range' };
  }
  return {
    cidr: mapped
      ? `${first.toIPv4Address().toString()}/${String(bits - MAPPED_BITS)}`
      : `${first.toString()}/${String(bits)}`,
  };
}

/** The rule for a list of ranges. An empty one is refused: it must not be taken for "any address". */
export function AddressRanges(): PropertyDecorator {
  return ValidateBy({
    name: 'addressRanges',
    validator: {
      validate: (value: unknown) => problemOf(value) === null,
      defaultMessage: (found) => problemOf(found?.value) ?? '',
    },
  });
}

function problemOf(value: unknown): string | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_RANGES) {
    return `must be a list of 1 to ${String(MOST_RANGES)} ranges in CIDR form; leave it out for any address`;
  }
  const problems = value.flatMap((entry: unknown, index) => {
    const range = typeof entry === 'string' ? rangeFrom(entry) : { problem: 'must be a string' };
    return 'problem' in range ? [`entry ${String(index + 1)} ${range.problem}`] : [];
  });
  return problems.length === 0 ? null : problems.join('; ');
}
