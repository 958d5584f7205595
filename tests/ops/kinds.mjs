// Manifests of foreign kinds (JSON array on stdin) -> one line for each that is not valid.
//
// The generated validators check values but let unknown fields pass; the generated TypeScript
// types catch those. So each manifest is checked twice. Run as text (`node -e`) in the folder that
// has node_modules, so that packages are found there.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const here = process.cwd();
const packages = {
  "keda.sh": "keda",
  "monitoring.coreos.com": "prometheus-operator",
  "gateway.networking.k8s.io": "gateway-api",
  "external-secrets.io": "external-secrets",
};

const manifests = JSON.parse(readFileSync(0, "utf8"));
const folder = mkdtempSync(join(here, "kinds-"));
const lines = [];
let failed = false;
const complain = (manifest, text) => {
  failed = true;
  console.log(`${manifest.kind}/${manifest.metadata.name}: ${text}`);
};

for (const [index, manifest] of manifests.entries()) {
  const [group, version] = manifest.apiVersion.split("/");
  if (!(group in packages)) {
    complain(manifest, `no schema for ${manifest.apiVersion}`);
    continue;
  }
  const path = `@kubernetes-models/${packages[group]}/${group}/${version}/${manifest.kind}`;
  try {
    const { [manifest.kind]: Kind } = await import(path);
    new Kind(manifest).validate();
  } catch (error) {
    complain(manifest, error.message);
  }
  lines.push(`import type { I${manifest.kind} as T${index} } from "${path}";`);
  lines.push(`export const m${index}: T${index} = ${JSON.stringify(manifest)};`);
}

const file = join(folder, "manifests.ts");
writeFileSync(file, lines.join("\n"));
try {
  const tsc = join(here, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [
    tsc, "--noEmit", "--strict", "--skipLibCheck", "--pretty", "false",
    "--module", "nodenext", "--moduleResolution", "nodenext", file,
  ], { cwd: here, stdio: ["ignore", "pipe", "inherit"] });
} catch (error) {
  failed = true;
  for (const line of String(error.stdout).split("\n").filter(Boolean)) {
    const at = line.match(/\.ts\((\d+),/);
    const manifest = at && manifests[Math.floor((Number(at[1]) - 1) / 2)];
    console.log(manifest ? `${manifest.kind}/${manifest.metadata.name}: ${line}` : line);
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(failed ? 1 : 0);
