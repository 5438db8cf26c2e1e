// Socket options that are not numbers.

import { Errno, NetError } from "../../base/errno.ts";
import type { Socket } from "../../net/socket.ts";

/** IP_OPTIONS: the option bytes of every packet that the socket sends (up to 40). Throws ENOPROTOOPT. */
export function setIpOptions(socket: Socket, bytes: Uint8Array): void {
  const sock = socket.sock as { setIpOptions?: (bytes: Uint8Array) => void };
  if (!sock.setIpOptions) throw new NetError(Errno.ENOPROTOOPT);
  sock.setIpOptions(bytes);
}
