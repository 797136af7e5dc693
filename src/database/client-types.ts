import { TypeOverrides, types } from 'pg';

/** Values as the Prisma client gives them where node-postgres gives something else, so that both ways read alike. */
export const CLIENT_TYPES = new TypeOverrides();
CLIENT_TYPES.setTypeParser(types.builtins.INT8, (text) => BigInt(text));
// node-postgres takes a day for midnight on this machine.
CLIENT_TYPES.setTypeParser(types.builtins.DATE, (text) => new Date(`${text}T00:00:00Z`));
