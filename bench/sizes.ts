/** Numbers of the command line; null leaves each to its bench. */
export interface Sizes {
  /** Of the gateway: after so many is memory read; of the soak: so many are sent. */
  requests: number | null;
  /** Of the soak. */
  jobs: number | null;
  keys: number | null;
  seed: number | null;
}

const OPTION = /^--(requests|jobs|keys|seed)=([1-9]\d{0,7})$/;

export const isSize = (arg: string): boolean => OPTION.test(arg);

export function readSizes(args: readonly string[]): Sizes {
  const given = new Map(
    args.flatMap((arg) => {
      const [, name, value] = OPTION.exec(arg) ?? [];
      return name === undefined ? [] : [[name, Number(value)] as const];
    }),
  );
  const of = (name: keyof Sizes): number | null => given.get(name) ?? null;
  return { requests: of('requests'), jobs: of('jobs'), keys: of('keys'), seed: of('seed') };
}
