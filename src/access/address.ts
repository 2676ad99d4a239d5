import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/**
 * From which address a request comes: the peer's, or, when the peer is a trusted proxy, the last hop before the trusted ones in
 * `X-Forwarded-For`. No other header is believed.
 */
export class Address {
  private readonly trusted: readonly Range[];

  /** `proxies` are CIDRs that the configuration has checked. */
  constructor(proxies: readonly string[]) {
    this.trusted = proxies.map((cidr) => ipaddr.parseCIDR(cidr));
  }

  of(request: IncomingMessage): string {
    const written = request.socket.remoteAddress ?? '';
    // What Node writes of an IPv4 peer needs no reading when nobody is trusted.
    if (this.trusted.length === 0 && isIPv4(written)) return written;
    const peer = parsed(written);
    if (peer === null) return 'unknown';
    if (!this.isTrusted(peer)) return peer.toString();
    const hops = forwarded(request).reverse();
    let nearest = peer;
    for (const hop of hops) {
      const address = parsed(hop);
      // What is no address was not written by a proxy of ours: the last hop that was is the best that is known.
      if (address === null) return nearest.toString();
      nearest = address;
      if (!this.isTrusted(address)) return address.toString();
    }
    return nearest.toString();
  }

  private isTrusted(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
    return isWithin(address, this.trusted);
  }
}

/** Whether an address lies in one of the CIDRs; an IPv4-mapped IPv6 address is the IPv4 address that it maps. */
export function isWithinAny(address: string, cidrs: readonly string[]): boolean {
  const one = parsed(address);
  return (
    one !== null &&
    isWithin(
      one,
      cidrs.map((cidr) => ipaddr.parseCIDR(cidr)),
    )
  );
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, ranges: readonly Range[]): boolean {
  return ranges.some(([range, bits]) => {
    const mapped = range instanceof ipaddr.IPv6 && range.isIPv4MappedAddress() && bits >= 96;
    const [base, length] = mapped ? [range.toIPv4Address(), bits - 96] : [range, bits];
    return base.kind() === address.kind() && address.match(base, length);
  });
}

function parsed(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}

function forwarded(request: IncomingMessage): string[] {
  const header = request.headers['x-forwarded-for'];
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text === '' ? [] : text.split(',').map((hop) => hop.trim());
}
