import { describe, expect, it } from "vitest";
import { Template } from "../../src/docker/template/execute.ts";
import { GoMap, type GoValue, goJsonIndent, struct } from "../../src/docker/template/value.ts";

const run = (text: string, data: GoValue) => new Template(text).execute(data);
const thrown = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

const container = struct({
  Id: "abc",
  State: struct({ Running: true, Pid: 1168 }),
  Env: [],
  Ports: new GoMap([
    ["80/tcp", [struct({ HostIp: "0.0.0.0", HostPort: "8080" }), struct({ HostIp: "::", HostPort: "8080" })]],
  ]),
  Networks: new GoMap([
    ["mynet", struct({ IPAddress: "172.18.0.2", Aliases: null }, true)],
    ["bridge", struct({ IPAddress: "172.17.0.2", Aliases: null }, true)],
  ]),
});

describe("docker --format", () => {
  it("prints fields, structs, maps and slices as Go prints them", () => {
    expect(run("{{.ID}} {{.State}} {{.Env}} {{.Ports}}", container)).toBe(
      "abc {true 1168} [] map[80/tcp:[{0.0.0.0 8080} {:: 8080}]]",
    );
  });

  it("ranges over a map in the order of its keys", () => {
    expect(run("{{range $name, $net := .Networks}}{{$name}}={{$net.IPAddress}} {{end}}", container)).toBe(
      "bridge=172.17.0.2 mynet=172.18.0.2 ",
    );
    expect(run('{{range .Networks}}{{.IPAddress}}{{"\\n"}}{{end}}', container)).toBe("172.17.0.2\n172.18.0.2\n");
  });

  it("indexes maps and slices and goes on with a field", () => {
    expect(run('{{(index (index .Ports "80/tcp") 0).HostPort}} {{index .Networks "bridge"}}', container)).toBe(
      "8080 {172.17.0.2 <nil>}",
    );
  });

  it("writes JSON with fields in order and Go's escapes", () => {
    expect(run("{{json .Networks}} {{json .Env}}", container)).toBe(
      '{"bridge":{"IPAddress":"172.17.0.2","Aliases":null},"mynet":{"IPAddress":"172.18.0.2","Aliases":null}} []',
    );
    expect(run("{{json .}}", "a->b")).toBe('"a-\\u003eb"');
  });

  it("indents JSON as the API does", () => {
    expect(goJsonIndent([struct({ A: "x", B: new GoMap(), C: [], D: null, E: [1] })])).toBe(
      '[\n    {\n        "A": "x",\n        "B": {},\n        "C": [],\n        "D": null,\n        "E": [\n            1\n        ]\n    }\n]',
    );
  });

  it("decides with if, else if, with, and, or, not, eq, len", () => {
    expect(run("{{if .State.Running}}up{{else}}down{{end}}", container)).toBe("up");
    expect(run('{{if eq .ID "x" "abc"}}a{{else if .Env}}b{{else}}c{{end}}', container)).toBe("a");
    expect(run("{{with .Env}}some{{else}}none{{end}} {{len .Ports}} {{not .Env}}", container)).toBe("none 1 true");
    expect(run("{{and .ID .Env}} {{or .Env .ID}} {{gt .State.Pid 5}}", container)).toBe("[] abc true");
  });

  it("pipes values through functions", () => {
    expect(run('{{.ID | upper | printf "%-5s|%q" "x"}}', container)).toBe('x    |"ABC"');
    expect(run('{{join (split "a,b" ",") "-"}} {{title "ab cd"}} {{truncate .ID 2}}{{pad .ID 1 2}}.', container)).toBe(
      "a-b Ab Cd ab abc  .",
    );
    expect(run("{{println .ID 1}}", container)).toBe("abc 1\n");
  });

  it("keeps and changes variables", () => {
    expect(run("{{$n := 0}}{{range .Networks}}{{$n = .IPAddress}}{{end}}{{$n}}", container)).toBe("172.18.0.2");
  });

  it("trims blanks at {{- and -}} and drops comments", () => {
    expect(run("a {{- /* note */ -}} b {{- .ID -}} c", container)).toBe("ababcc");
  });

  it("prints <no value> for a map's missing key", () => {
    expect(run("{{.Networks.zz.IPAddress}}", container)).toBe("<no value>");
  });

  it("knows a struct's fields by Go's names, and writes JSON's", () => {
    expect(thrown(() => run("{{.Id}}", container))).toBe(
      'template: :1:2: executing "" at <.Id>: can\'t evaluate field Id in type struct',
    );
    expect(run("{{.ID}} {{json .State}}", container)).toBe('abc {"Running":true,"Pid":1168}');
  });

  it("reports mistakes in Go's words", () => {
    expect(thrown(() => run("{{.Foo", container))).toBe("template: :1: unclosed action");
    expect(thrown(() => run("{{foo}}", container))).toBe('template: :1: function "foo" not defined');
    expect(thrown(() => run("{{if .ID}}", container))).toBe("template: :1: unexpected EOF");
    expect(
      thrown(() =>
        new Template("{{.State.Foo}}").execute(new GoMap([["State", new GoMap()]]), { missingKeyError: true }),
      ),
    ).toBe('template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"');
    expect(thrown(() => run('{{index (index .Ports "x") 0}}', container))).toBe(
      'template: :1:2: executing "" at <index (index .Ports "x") 0>: error calling index: index of untyped nil',
    );
  });
});
