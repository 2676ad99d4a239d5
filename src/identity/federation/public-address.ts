import ipaddr from 'ipaddr.js';

/** Of IPv6 only this block has been given out for the public (RFC 4291, 2.4); every transition prefix but 6to4 and Teredo lies outside. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** What lies inside of that block and is not the public's: see the IANA registry of special-purpose addresses. */
const NOT_PUBLIC = [
  '2001::/23', // protocol assignments: Teredo, ORCHID, benchmarking
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: an IPv4 address in disguise
  '3fff::/20', // documentation
].map((range) => ipaddr.IPv6.parseCIDR(range));

/**
 * Whether an IP address is one that anybody on the internet could reach: not loopback, private, link-local, of a provider's own network,
 * multicast, reserved, or a form that hides such an address. A text that is no address is not public. Pure.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast';
  return (
    address.zoneId === undefined &&
    address.match(GLOBAL_UNICAST) &&
    !NOT_PUBLIC.some((range) => address.match(range))
  );
}
