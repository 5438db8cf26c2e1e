// What goes wrong on either side of Docker's API: the daemon's refusals and the client's own.

/** The daemon's answer to a bad request; the client prints "Error response from daemon: " before it. */
export class DaemonError extends Error {
  override readonly name: string = "DaemonError";
  /** HTTP status: 400 bad parameter, 403 forbidden, 404 not found, 409 conflict, 500 */
  readonly status: number;
  /** what the CLI's `docker run` exits with when the container could not start (126, 127), else 125 */
  readonly exitCode: number;

  constructor(message: string, status = 500, exitCode = 125) {
    super(message);
    this.status = status;
    this.exitCode = exitCode;
  }
}

export const notFound = (message: string): DaemonError => new DaemonError(message, 404);
export const conflict = (message: string): DaemonError => new DaemonError(message, 409);
export const forbidden = (message: string): DaemonError => new DaemonError(message, 403);
export const badRequest = (message: string): DaemonError => new DaemonError(message, 400);
