// Ports and their names as getservbyname(3) and getservbyport(3) have them: wire/services.ts and, for names, the aliases of
// Debian's /etc/services.

import { servicePort } from "../../wire/services.ts";

export { serviceName } from "../../wire/services.ts";

/** alias:name */
const ALIASES: ReadonlyMap<string, string> = new Map(
  (
    "Clearcase:clearcase authentication:auth cmd:shell comsat:biff dicom:acr-nema fspd:fsp gds_db:gds-db " +
    "hprop:krb-prop icp:icpv2 ident:auth imap:imap2 jabber-client:xmpp-client jabber-server:xmpp-server " +
    "kdc:kerberos4 kerberos-iv:kerberos4 kerberos-sec:kerberos kerberos5:kerberos kerberos_master:kerberos- " +
    "master krb5:kerberos krb5_prop:krb-prop krb_prop:krb-prop krcmd:kshell l2tp:l2f loc-srv:epmap " +
    "lotusnotes:lotusnote lrrd:munin mail:smtp moira_db:moira-db moira_update:moira-update moira_ureg:moira- " +
    "ureg nicname:whois null:discard old-radacct:sa-msg-port old-radius:datametrics passwd_server:passwd- " +
    "server pop-3:pop3 portmapper:sunrpc postgres:postgresql quote:qotd radacct:radius-acct readnews:nntp " +
    "routed:route router:route rptp:freeciv sane:sane-port saned:sane-port sge_execd:sge-execd " +
    "sge_qmaster:sge-qmaster sink:discard smtps:submissions snmptrap:snmp-trap snntp:nntps source:chargen " +
    "spooler:printer ssmtp:submissions subversion:svn syslog:shell tap:auth timserver:time tsap:iso-tsap " +
    "ttytst:chargen untp:nntp urd:submissions users:systat uucpd:uucp wais:z3950 webcache:http-alt whod:who " +
    "www:http x11-0:x11 xfs:font-service"
  )
    .split(" ")
    .map((entry) => entry.split(":") as [string, string]),
);

/** "http" → 80, aliases too; undefined for an unknown name. */
export function serviceNumber(name: string, protocol: "tcp" | "udp"): number | undefined {
  return servicePort(ALIASES.get(name) ?? name, protocol);
}

/** The other names of a service. */
export function serviceAliases(name: string): string[] {
  return [...ALIASES].filter(([, service]) => service === name).map(([alias]) => alias);
}
