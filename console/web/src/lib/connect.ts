export interface ConnectFacts {
  app: string;
  /** Where workers connect, `host:port`. */
  server: string;
  /** Where commands connect, `http://host:port`. */
  origin: string;
  /** Only known right after it was made. */
  secret?: string;
}

/** Single quotes for a shell: everything inside stays as it is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The three commands that connect a worker: keep the secret, start an agent, see it. */
export function connectCommands({ app, server, origin, secret }: ConnectFacts): [string, string, string] {
  const file = `${app}.secret`;
  return [
    `(umask 077; printf '%s' ${quoted(secret ?? "<secret>")} > ${file})`,
    `POWERJOB_SECRET="$(cat ${file})" powerjob agent --server ${server} --app ${app}`,
    `powerjob worker list --server ${origin} --app ${app}`,
  ];
}

/** The address workers dial: a server that listens on all addresses is reached as the browser did. */
export function reachable(workerAddress: string, browserHost: string): string {
  const match = /^(?:0\.0\.0\.0|\[::\]|\[::0\]|):(\d+)$/.exec(workerAddress);
  if (match === null) return workerAddress;
  return `${browserHost}:${match[1]}`;
}
