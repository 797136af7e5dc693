-- A statement of several CTEs that finds out at its end that it must not be: calling this undoes all of it. "detail" is for
-- whoever sent the statement, which knows the error by its SQLSTATE. \073 is a semicolon: Prisma's adapter cuts a migration
-- at every one, also within quotes.
CREATE FUNCTION "kiln_refuse"("detail" TEXT) RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS E'
BEGIN
  RAISE EXCEPTION ''kiln_refuse'' USING ERRCODE = ''KR001'', DETAIL = "detail"\073
END';
