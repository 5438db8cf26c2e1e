// What `traceroute --help` prints (Debian's traceroute 2.1).

export const USAGE = `
`;
