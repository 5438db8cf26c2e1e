// Images: names, what they expose, what runs in them. They are made of vethlab's own programs, as the recordings' images
// are made of Debian's. A script adds its own in its first lines:
//     # vethlab: image NAME PORT[/proto][,PORT…] PROGRAM [ARGUMENT…]
// PORT may be "-" for none; the program is looked up in the toolbox (busybox's applets, ip, curl, ping, dig, nc, sh).

import type { Rng } from "../sim/rng.ts";
import { randomId } from "./names.ts";

/** What an image's config says. */
export interface ImageConfig {
  readonly cmd: readonly string[];
  readonly entrypoint: readonly string[];
  /** "80/tcp" */
  readonly exposed: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string;
  /** holds nginx besides the toolbox */
  readonly nginx: boolean;
  readonly sizeBytes: number;
}

/** One that is here. Its ids are drawn when somebody asks for them: there are a dozen images, and most labs use one. */
export class Image implements ImageConfig {
  readonly cmd: readonly string[];
  readonly entrypoint: readonly string[];
  readonly exposed: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string;
  readonly nginx: boolean;
  readonly sizeBytes: number;
  /** "nginx:latest", the name it came by */
  readonly origin: string;
  readonly createdNs: bigint;
  /** "nginx:latest", in the order in which they came */
  readonly tags: string[];
  readonly #rng: Rng;
  #ids: { readonly id: string; readonly layerId: string; readonly graphId: string } | null = null;

  constructor(config: ImageConfig, origin: string, createdNs: bigint, rng: Rng) {
    this.cmd = config.cmd;
    this.entrypoint = config.entrypoint;
    this.exposed = config.exposed;
    this.env = config.env;
    this.workingDir = config.workingDir;
    this.stopSignal = config.stopSignal;
    this.nginx = config.nginx;
    this.sizeBytes = config.sizeBytes;
    this.origin = origin;
    this.createdNs = createdNs;
    this.tags = [origin];
    this.#rng = rng;
  }

  /** 64 hex digits, without "sha256:" */
  get id(): string {
    return this.#drawn().id;
  }

  get layerId(): string {
    return this.#drawn().layerId;
  }

  get graphId(): string {
    return this.#drawn().graphId;
  }

  #drawn(): { readonly id: string; readonly layerId: string; readonly graphId: string } {
    if (this.#ids === null) {
      const rng = this.#rng.fork(this.origin);
      this.#ids = { id: randomId(rng), layerId: randomId(rng), graphId: randomId(rng) };
    }
    return this.#ids;
  }
}

const TOOLBOX_SIZE = 69_800_000;
const NGINX_SIZE = 71_910_938;

function config(cmd: readonly string[], exposed: readonly string[] = []): ImageConfig {
  return {
    cmd,
    entrypoint: [],
    exposed,
    env: [],
    workingDir: "",
    stopSignal: "",
    nginx: false,
    sizeBytes: TOOLBOX_SIZE,
  };
}

const echo = (port: number) => config(["/usr/bin/nc", "-lkp", String(port), "-e", "/bin/cat"], [`${port}/tcp`]);
const shell = config(["/bin/sh"]);

/** The repositories that are known, with the tag that is there from the start; any tag of them can be pulled. */
const KNOWN: readonly (readonly [repository: string, tag: string, config: ImageConfig])[] = [
  ["busybox", "latest", shell],
  ["alpine", "latest", shell],
  ["centos", "7", shell],
  ["ubuntu", "14.04", shell],
  ["debian", "latest", shell],
  ["httpd", "latest", config(["/bin/httpd", "-f", "-p", "80", "-h", "/www"], ["80/tcp"])],
  ["tomcat", "latest", config(["/bin/httpd", "-f", "-p", "8080", "-h", "/www"], ["8080/tcp"])],
  ["mysql", "latest", echo(3306)],
  ["postgres", "latest", echo(5432)],
  ["redis", "latest", echo(6379)],
  ["vethlab/echo", "latest", echo(7)],
  [
    "nginx",
    "latest",
    {
      ...config(["/usr/bin/nginx", "-c", "/etc/nginx/nginx.conf"], ["80/tcp"]),
      nginx: true,
      sizeBytes: NGINX_SIZE,
    },
  ],
];

/** A reference that is none: `message` is docker's. */
export class BadReference extends Error {
  override readonly name: string = "BadReference";
}

/**
 * "nginx" → ["nginx", "latest"]; "docker.io/library/nginx:1.25" → ["nginx", "1.25"]. Digests are not known here.
 * Throws BadReference.
 */
export function parseReference(text: string): [repository: string, tag: string] {
  const match = /^((?:[A-Za-z0-9.-]+(?::\d+)?\/)?[^:@]+)(?::([\w][\w.-]{0,127}))?$/.exec(text);
  const bare = match?.[1]?.replace(/^(docker\.io\/|index\.docker\.io\/)/, "").replace(/^library\//, "");
  if (!match || bare === undefined || bare === "" || /[^a-z0-9._/:-]/.test(bare))
    throw new BadReference(
      /[A-Z]/.test(match?.[1] ?? "")
        ? "invalid reference format: repository name must be lowercase"
        : "invalid reference format",
    );
  return [bare, match[2] ?? "latest"];
}

/** A line "NAME PORT[/proto][,PORT…] PROGRAM [ARGUMENT…]" of a script that is not one. */
export class BadImageDirective extends Error {
  override readonly name: string = "BadImageDirective";
}

/** What a script's `# vethlab: image …` declares. Throws BadImageDirective with a sentence. */
export function parseImageDirective(text: string): {
  readonly repository: string;
  readonly tag: string;
  readonly config: ImageConfig;
} {
  const [name, ports, ...command] = text.trim().split(/\s+/);
  if (name === undefined || ports === undefined || command.length === 0)
    throw new BadImageDirective("an image needs a name, a port (or -) and a program: image NAME PORT[/proto] PROGRAM…");
  let parsed: [string, string];
  try {
    parsed = parseReference(name);
  } catch {
    throw new BadImageDirective(`'${name}' is no name of an image`);
  }
  const exposed = ports === "-" ? [] : ports.split(",").map(exposedPort);
  return { repository: parsed[0], tag: parsed[1], config: config(command, exposed) };
}

function exposedPort(text: string): string {
  const match = /^(\d+)(?:\/(tcp|udp))?$/.exec(text);
  if (!match || Number(match[1]) < 1 || Number(match[1]) > 65535)
    throw new BadImageDirective(`'${text}' is no port: 1 to 65535, with /udp for UDP`);
  return `${match[1]}/${match[2] ?? "tcp"}`;
}

export class ImageStore {
  /** by the names they came by, from which their ids follow; oldest first */
  readonly #images: Map<string, Image> = new Map();
  /** what can be pulled, by repository */
  readonly #registry: Map<string, ImageConfig> = new Map();
  readonly #rng: Rng;

  /** @param nowNs wall clock: the images are a few seconds old */
  constructor(rng: Rng, nowNs: bigint, declared: readonly string[]) {
    this.#rng = rng;
    const entries = [
      ...KNOWN,
      ...declared.map(parseImageDirective).map(({ repository, tag, config: c }) => [repository, tag, c] as const),
    ];
    entries.forEach(([repository, tag, imageConfig], i) => {
      this.#registry.set(repository, imageConfig);
      this.#add(repository, tag, nowNs - BigInt(entries.length - i) * 500_000_000n);
    });
  }

  /** By reference, or by (a beginning of) its id; undefined when it is not here. Throws BadReference. */
  find(reference: string): Image | undefined {
    const bare = reference.replace(/^sha256:/, "");
    if (/^[0-9a-f]{2,64}$/.test(bare)) {
      const found = [...this.#images.values()].filter((image) => image.id.startsWith(bare));
      if (found.length === 1) return found[0];
    }
    const [repository, tag] = parseReference(reference);
    const name = `${repository}:${tag}`;
    return [...this.#images.values()].find((image) => image.tags.includes(name));
  }

  /** Newest first, as `docker images` lists them. */
  list(): Image[] {
    return [...this.#images.values()].reverse();
  }

  /** Is there such a repository outside? */
  canPull(reference: string): boolean {
    return this.#registry.has(parseReference(reference)[0]);
  }

  /** Fetches an image that `canPull`. */
  pull(reference: string, nowNs: bigint): Image {
    const [repository, tag] = parseReference(reference);
    return this.find(reference) ?? this.#add(repository, tag, nowNs);
  }

  /** One more name; an older image loses it. */
  tag(image: Image, reference: string): void {
    const name = parseReference(reference).join(":");
    for (const other of this.#images.values()) {
      const at = other.tags.indexOf(name);
      if (at >= 0 && other !== image) other.tags.splice(at, 1);
    }
    if (!image.tags.includes(name)) image.tags.push(name);
  }

  remove(image: Image): void {
    this.#images.delete(image.origin);
  }

  #add(repository: string, tag: string, createdNs: bigint): Image {
    const name = `${repository}:${tag}`;
    const image = new Image(this.#registry.get(repository)!, name, createdNs, this.#rng);
    this.#images.set(name, image);
    return image;
  }
}
