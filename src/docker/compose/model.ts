// A compose project as read: services, networks, and what each service asks for. Plain data. Answers to
// compose-spec/spec.md.

import type { PortBinding, RestartPolicy } from "../container.ts";
import type { IpamConfig } from "../network.ts";

/** A mistake in a compose file, or something that vethlab cannot do: "compose.yaml:7: services.web: …". */
export class ComposeError extends Error {
  override readonly name: string = "ComposeError";
}

/** One service's place in one network. */
export interface ServiceNetwork {
  /** key in the file's networks */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly ipv4: string;
  readonly mac: string;
  readonly priority: number;
}

export interface Service {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[] | undefined;
  readonly containerName: string;
  readonly hostname: string;
  readonly domain: string;
  readonly environment: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly ports: ReadonlyMap<string, readonly PortBinding[]>;
  readonly expose: readonly string[];
  /** "" where the service is in networks */
  readonly networkMode: string;
  readonly networks: readonly ServiceNetwork[];
  /** service → what must be true of it first */
  readonly dependsOn: ReadonlyMap<string, "service_started" | "service_completed_successfully">;
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
}

export interface Project {
  readonly name: string;
  readonly file: string;
  readonly services: readonly Service[];
  readonly networks: readonly ProjectNetwork[];
}
