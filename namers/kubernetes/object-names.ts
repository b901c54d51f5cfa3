// Object names: what may be the name of a namespace or of an object, since names become part of paths of the API.

/** An RFC 1123 label: namespaces, services. */
export function isLabelName(name: string): boolean {
  return LABEL.test(name);
}

/** An RFC 1123 subdomain: most other objects. */
export function isSubdomainName(name: string): boolean {
  return name.length <= 253 && name.split('.').every(isLabelName);
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
