// getopt lives with processes, where the shell's own programs use it too.
export * from "../../posix/getopt.ts";
