// nginx's configuration, as far as a static server needs it: directives and blocks, and the few that mean something here.
// A directive that is not known is refused by name with its file and line, as nginx does.

export interface NginxListen {
  readonly addr: string;
  readonly port: number;
  /** undefined: 511 */
  readonly backlog: number | undefined;
}

export interface NginxServer {
  /** 0 is any address */
  readonly listen: readonly NginxListen[];
  readonly root: string;
  readonly index: readonly string[];
}

export interface NginxConfig {
  readonly daemon: boolean;
  readonly workers: number;
  readonly keepaliveSeconds: number;
  /** tcp_nopush: header and body leave together */
  readonly tcpNopush: boolean;
  readonly defaultType: string;
  /** extension → media type */
  readonly types: ReadonlyMap<string, string>;
  readonly servers: readonly NginxServer[];
}

/** A mistake in the file; the message is what nginx prints after "nginx: ". */
export class NginxConfigError extends Error {
  override readonly name: string = "NginxConfigError";
}

interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  readonly block: readonly Directive[] | undefined;
  readonly line: number;
}

/** Folders that are named without a leading slash are in this one. */
const PREFIX = "/usr/share/nginx";

/** Directives that change nothing that can be seen here. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "user",
  "error_log",
  "access_log",
  "pid",
  "worker_connections",
  "sendfile",
  "server_name",
  "log_format",
  "multi_accept",
]);

/** What the image's own file says, for an image without one. */
export const DEFAULT_CONFIG = `user nobody nogroup;
worker_processes 1;
events { worker_connections 1024; }
http {
  types { text/html html htm; }
  default_type application/octet-stream;
  access_log off;
  sendfile on;
  tcp_nopush on;
  server { listen 80; root /usr/share/nginx/html; index index.html; }
}
`;

/** Reads a configuration. Throws NginxConfigError. @param path for messages */
export function parseNginxConfig(text: string, path: string): NginxConfig {
  const tokens = tokenize(text);
  const top = parseBlock(tokens, { at: 0 }, path, false);
  const config = {
    daemon: true,
    workers: 1,
    keepaliveSeconds: 75,
    tcpNopush: false,
    defaultType: "text/plain",
    types: new Map<string, string>(),
    servers: [] as NginxServer[],
  };
  const emerg = (directive: Directive, what: string): NginxConfigError =>
    new NginxConfigError(`[emerg] ${what} in ${path}:${directive.line}`);
  const flag = (directive: Directive): boolean => {
    if (directive.args[0] !== "on" && directive.args[0] !== "off")
      throw emerg(
        directive,
        `invalid value "${directive.args[0] ?? ""}" in "${directive.name}" directive, it must be "on" or "off"`,
      );
    return directive.args[0] === "on";
  };
  const visitServer = (server: Directive, root: string, index: readonly string[]): void => {
    const listen: NginxListen[] = [];
    for (const directive of server.block ?? []) {
      if (directive.name === "listen") {
        const match = /^(?:(\*|[\d.]+):)?(\d+)$/.exec(directive.args[0] ?? "");
        if (!match) throw emerg(directive, `invalid parameter "${directive.args[0] ?? ""}"`);
        let backlog: number | undefined;
        for (const parameter of directive.args.slice(1)) {
          if (parameter === "default_server") continue;
          backlog = Number(/^backlog=(\d+)$/.exec(parameter)?.[1]);
          if (Number.isNaN(backlog)) throw emerg(directive, `invalid parameter "${parameter}"`);
        }
        listen.push({
          addr: match[1] === undefined || match[1] === "*" ? "0.0.0.0" : match[1],
          port: Number(match[2]),
          backlog,
        });
      } else if (directive.name === "root") root = directive.args[0] ?? "";
      else if (directive.name === "index") index = directive.args;
      else if (!WITHOUT_EFFECT.has(directive.name)) throw emerg(directive, `unknown directive "${directive.name}"`);
    }
    config.servers.push({
      listen: listen.length > 0 ? listen : [{ addr: "0.0.0.0", port: 80, backlog: undefined }],
      root: root.startsWith("/") ? root : `${PREFIX}/${root}`,
      index,
    });
  };
  for (const directive of top) {
    if (directive.name === "daemon") config.daemon = flag(directive);
    else if (directive.name === "worker_processes")
      config.workers = directive.args[0] === "auto" ? 2 : Number(directive.args[0]);
    else if (directive.name === "events") continue;
    else if (directive.name === "http") {
      let root = "html";
      let index: readonly string[] = ["index.html"];
      for (const inner of directive.block ?? []) {
        if (inner.name === "types") {
          for (const type of inner.block ?? [])
            for (const extension of type.args) config.types.set(extension, type.name);
        } else if (inner.name === "default_type") config.defaultType = inner.args[0] ?? "text/plain";
        else if (inner.name === "tcp_nopush") config.tcpNopush = flag(inner);
        else if (inner.name === "keepalive_timeout")
          config.keepaliveSeconds = Number.parseInt(inner.args[0] ?? "75", 10);
        else if (inner.name === "root") root = inner.args[0] ?? "";
        else if (inner.name === "index") index = inner.args;
        else if (inner.name === "server") visitServer(inner, root, index);
        else if (!WITHOUT_EFFECT.has(inner.name)) throw emerg(inner, `unknown directive "${inner.name}"`);
      }
    } else if (!WITHOUT_EFFECT.has(directive.name)) throw emerg(directive, `unknown directive "${directive.name}"`);
  }
  return config;
}

interface Token {
  readonly text: string;
  readonly line: number;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (const match of text.matchAll(/\n|#[^\n]*|[{};]|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|[^\s{};#]+/g)) {
    if (match[0] === "\n") line++;
    else if (!match[0].startsWith("#")) tokens.push({ text: match[1] ?? match[2] ?? match[0], line });
  }
  return tokens;
}

function parseBlock(tokens: readonly Token[], cursor: { at: number }, path: string, inner: boolean): Directive[] {
  const out: Directive[] = [];
  for (;;) {
    const name = tokens[cursor.at++];
    if (!name || name.text === "}") {
      if ((name === undefined) === inner)
        throw new NginxConfigError(
          name
            ? `[emerg] unexpected "}" in ${path}:${name.line}`
            : `[emerg] unexpected end of file, expecting "}" in ${path}:${tokens.at(-1)?.line ?? 1}`,
        );
      return out;
    }
    const args: string[] = [];
    for (;;) {
      const token = tokens[cursor.at++];
      if (!token)
        throw new NginxConfigError(`[emerg] unexpected end of file, expecting ";" or "}" in ${path}:${name.line}`);
      if (token.text === ";") {
        out.push({ name: name.text, args, block: undefined, line: name.line });
        break;
      }
      if (token.text === "{") {
        out.push({ name: name.text, args, block: parseBlock(tokens, cursor, path, true), line: name.line });
        break;
      }
      if (token.text === "}") throw new NginxConfigError(`[emerg] unexpected "}" in ${path}:${token.line}`);
      args.push(token.text);
    }
  }
}
