// Settings that name places on a network: listen addresses, the public URL and the ranges of trusted proxies.

import { isIP, isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Malformed } from './malformed.js';

export type ListenAddress = Readonly<{ host: string; port: number }>;

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** `127.0.0.1:8080`, `localhost:0` or `[::1]:8080`; the host comes back without brackets. */
export function listenAddressFromText(text: string): ListenAddress {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text)?.groups;
  const host = match?.['v6'] ?? match?.['host'] ?? '';
  const port = Number(match?.['port']);
  // A name of digits and dots alone is a mistyped address, not a name.
  const hostFits =
    match?.['v6'] === undefined
      ? isIPv4(host) || (HOST_NAME.test(host) && !/^[\d.]+$/.test(host))
      : isIPv6(host);
  if (!match || !hostFits || port > 65_535) {
    throw new Malformed(
      'must be an address and a port from 0 to 65535, such as 127.0.0.1:8080 or [::1]:8080',
    );
  }
  return { host, port };
}

/** The URL at which a listening address is reached, with an IPv6 address in brackets. */
export function httpUrl({ host, port }: ListenAddress): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${String(port)}`;
}

/** An http or https URL of this service, without the slash at its end. */
export function publicUrlFromText(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Malformed('must be an http or https URL, such as https://coffer.example.com');
  }
  if (url.username !== '' || url.password !== '')
    throw new Malformed('must not carry a user name or a password');
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) {
    throw new Malformed('must end with the host or a path: no query and no fragment');
  }
  return url.href.replace(/\/+$/, '');
}

/**
 * A comma-separated list of addresses and CIDR ranges, each given back as a CIDR.
 * Refused is what would trust more than it says: bits beyond the prefix, everything at once, and an IPv6 range
 * that takes in all IPv4-mapped addresses because its prefix is shorter than their 96 bits.
 */
export function proxyRangesFromText(text: string): readonly string[] {
  return text.split(',').map((entry, index) => {
    const refuse = (reason: string) => new Malformed(`entry ${String(index + 1)} ${reason}`);
    const range = entry.trim();
    const cidr = isIP(range) ? `${range}/${isIPv4(range) ? '32' : '128'}` : range;
    const [address] = cidr.split('/');
    if (!ipaddr.isValidCIDR(cidr) || !isIP(address ?? '')) {
      throw refuse('is neither an address nor a range in CIDR form, such as 10.0.0.0/8');
    }
    const [ip, bits] = ipaddr.parseCIDR(cidr);
    if (ip instanceof ipaddr.IPv6 && bits < 96 && mappedBlock.match([ip, bits])) {
      throw refuse('takes in every IPv4-mapped address: such a prefix must have at least 96 bits');
    }
    if (bits === 0) throw refuse('takes in every address, so that anybody would be believed');
    const network =
      ip instanceof ipaddr.IPv6
        ? ipaddr.IPv6.networkAddressFromCIDR(cidr)
        : ipaddr.IPv4.networkAddressFromCIDR(cidr);
    if (network.toNormalizedString() !== ip.toNormalizedString()) {
      throw refuse('has bits set beyond its prefix: write the first address of the range');
    }
    return `${ip.toString()}/${String(bits)}`;
  });
}

const mappedBlock = ipaddr.IPv6.parse('::ffff:0:0');
