// A compose project as read: services, networks, and what each service asks for. Plain data. Answers to
// compose-spec/spec.md.

import type { PortBinding, RestartPolicy } from "../container.ts";
import type { IpamConfig } from "../network.ts";

/** The version that is emulated: what `compose version` prints, and what labels say. */
export const COMPOSE_VERSION = "2.40.3-3";
export const LABEL_VERSION = "2.40.3";

/** A mistake in compose's words, or something that vethlab cannot do; `place` is "compose.yaml:7" for one in a file. */
export class ComposeError extends Error {
  override readonly name: string = "ComposeError";
  readonly place: string | undefined;

  constructor(message: string, place?: string) {
    super(message);
    this.place = place;
  }
}

export interface Dependency {
  readonly condition: "service_started" | "service_completed_successfully";
  /** the service is made anew when the one that it needs is */
  readonly restart: boolean;
  readonly required: boolean;
}

/** One service's place in one network. */
export interface ServiceNetwork {
  /** key in the file's networks */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly ipv4: string;
  readonly mac: string;
  readonly priority: number;
  /** the file says more of it than its name */
  readonly given: boolean;
}

/** One port in the long form. */
export interface ServicePort {
  readonly target: number;
  readonly published: string;
  readonly hostIp: string;
  readonly protocol: string;
}

export interface Service {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[] | undefined;
  readonly containerName: string;
  readonly hostname: string;
  readonly domain: string;
  /** null where neither the file nor the environment has a value */
  readonly environment: ReadonlyMap<string, string | null>;
  readonly labels: ReadonlyMap<string, string>;
  readonly ports: ReadonlyMap<string, readonly PortBinding[]>;
  /** the same in the order of the file */
  readonly portList: readonly ServicePort[];
  readonly expose: readonly string[];
  /** "" where the service is in networks */
  readonly networkMode: string;
  readonly networks: readonly ServiceNetwork[];
  /** service → what must be true of it first; links and shared networks depend, too */
  readonly dependsOn: ReadonlyMap<string, Dependency>;
  /** "db" or "db:database" */
  readonly links: readonly string[];
  readonly extraHosts: readonly string[];
  readonly dns: {
    readonly servers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
  readonly restart: RestartPolicy;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly sysctls: ReadonlyMap<string, string>;
  readonly volumes: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  readonly stopSignal: string;
  readonly stopTimeoutS: number | undefined;
  readonly init: boolean;
  readonly macAddress: string;
  readonly replicas: number;
  /** the fields that said so: "scale", "deploy" */
  readonly scaled: readonly ("scale" | "deploy")[];
  /** as the file has it: "1m30s" */
  readonly stopGrace: string;
  readonly pullPolicy: string;
}

export interface ProjectNetwork {
  readonly key: string;
  /** name in Docker: "demo_default" unless the file says otherwise */
  readonly name: string;
  readonly external: boolean;
  readonly driver: string;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly options: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly ipam: readonly IpamConfig[];
  /** the file names the driver */
  readonly driverGiven: boolean;
}

export interface Project {
  readonly name: string;
  /** the whole path, and its folder */
  readonly file: string;
  readonly folder: string;
  /** x-… fields as they are, with variables replaced */
  readonly extensions: ReadonlyMap<string, unknown>;
  /** what compose warns of */
  readonly warnings: readonly string[];
  readonly services: readonly Service[];
  readonly networks: readonly ProjectNetwork[];
}
