// What a namespace tells its subsystems about a device (include/linux/netdevice.h, enum netdev_cmd).

export const NETDEV_REGISTER = "REGISTER";
export const NETDEV_UNREGISTER = "UNREGISTER";
export const NETDEV_UP = "UP";
export const NETDEV_GOING_DOWN = "GOING_DOWN";
export const NETDEV_DOWN = "DOWN";
/** flags, carrier or operstate changed */
export const NETDEV_CHANGE = "CHANGE";
export const NETDEV_CHANGEADDR = "CHANGEADDR";
export const NETDEV_CHANGEMTU = "CHANGEMTU";
export const NETDEV_CHANGENAME = "CHANGENAME";
export const NETDEV_FEAT_CHANGE = "FEAT_CHANGE";
export const NETDEV_CHANGEUPPER = "CHANGEUPPER";
export type NetdevEvent =
  | typeof NETDEV_REGISTER
  | typeof NETDEV_UNREGISTER
  | typeof NETDEV_UP
  | typeof NETDEV_GOING_DOWN
  | typeof NETDEV_DOWN
  | typeof NETDEV_CHANGE
  | typeof NETDEV_CHANGEADDR
  | typeof NETDEV_CHANGEMTU
  | typeof NETDEV_CHANGENAME
  | typeof NETDEV_FEAT_CHANGE
  | typeof NETDEV_CHANGEUPPER;
