-- Bodies are binary from here on (plane/record, body.go), beside those that are JSON. The
-- functions below read them for people; Polity itself does not call them.

CREATE FUNCTION polity.body_count(b bytea, INOUT at integer, OUT n numeric) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    x integer;
    power numeric := 1;
BEGIN
    n := 0;
    LOOP
        x := get_byte(b, at);
        at := at + 1;
        n := n + (x & 127) * power;
        EXIT WHEN x < 128;
        power := power * 128;
    END LOOP;
END $$;

CREATE FUNCTION polity.body_number(b bytea, INOUT at integer, OUT n numeric) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    SELECT c.at, c.n INTO at, n FROM polity.body_count(b, at) AS c;
    n := CASE WHEN n % 2 = 0 THEN div(n, 2) ELSE -div(n, 2) - 1 END;
END $$;

CREATE FUNCTION polity.body_text(b bytea, INOUT at integer, OUT x text) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    size integer;
BEGIN
    SELECT c.at, c.n INTO at, size FROM polity.body_count(b, at) AS c;
    x := convert_from(substring(b FROM at + 1 FOR size), 'UTF8');
    at := at + size;
END $$;

CREATE FUNCTION polity.body_list(b bytea, INOUT at integer, OUT list text[]) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    left_over integer;
    x text;
BEGIN
    list := '{}';
    SELECT c.at, c.n INTO at, left_over FROM polity.body_count(b, at) AS c;
    WHILE left_over > 0 LOOP
        SELECT c.at, c.x INTO at, x FROM polity.body_text(b, at) AS c;
        list := list || x;
        left_over := left_over - 1;
    END LOOP;
END $$;

-- A time in ns since 1970 as RFC 3339.
CREATE FUNCTION polity.body_time(ns numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(timestamp '1970-01-01' + floor(ns / 1000000000)::bigint * interval '1 s', 'YYYY-MM-DD"T"HH24:MI:SS')
        || rtrim(rtrim('.' || lpad((ns - floor(ns / 1000000000) * 1000000000)::text, 9, '0'), '0'), '.') || 'Z'
$$;

CREATE FUNCTION polity.body_attributes(b bytea, INOUT at integer, OUT list text) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kinds constant text[] := '{Property,Relationship,GeoProperty,LanguageProperty,JsonProperty,VocabProperty,ListProperty,ListRelationship}';
    left_over integer;
    has integer;
    x text;
    n numeric;
    since numeric;
    one text;
BEGIN
    list := '';
    SELECT c.at, c.n INTO at, left_over FROM polity.body_count(b, at) AS c;
    WHILE left_over > 0 LOOP
        SELECT c.at, c.x INTO at, x FROM polity.body_text(b, at) AS c;
        one := '{"name":' || to_json(x);
        x := kinds[get_byte(b, at)];
        has := get_byte(b, at + 1);
        at := at + 2;
        one := one || ',"kind":' || to_json(x);
        IF has & 1 > 0 THEN
            SELECT c.at, c.x INTO at, x FROM polity.body_text(b, at) AS c;
            one := one || ',"dataset":' || to_json(x);
        END IF;
        IF has & 2 > 0 THEN
            SELECT c.at, c.x INTO at, x FROM polity.body_text(b, at) AS c;
            one := one || ',"unit":' || to_json(x);
        END IF;
        IF has & 4 > 0 THEN
            SELECT c.at, c.n INTO at, n FROM polity.body_number(b, at) AS c;
            one := one || ',"observed_at":' || to_json(polity.body_time(n));
        END IF;
        SELECT c.at, c.x INTO at, x FROM polity.body_text(b, at) AS c;
        one := one || ',"value":' || x;
        SELECT c.at, c.n INTO at, n FROM polity.body_number(b, at) AS c;
        SELECT c.at, c.n INTO at, since FROM polity.body_number(b, at) AS c;
        one := one || ',"created":' || to_json(polity.body_time(n * 1000000)) || ',"modified":' || to_json(polity.body_time((n + since) * 1000000));
        IF has & 8 > 0 THEN
            SELECT c.at, c.list INTO at, x FROM polity.body_attributes(b, at) AS c;
            one := one || ',"meta":[' || x || ']';
        END IF;
        list := list || CASE WHEN list = '' THEN '' ELSE ',' END || one || '}';
        left_over := left_over - 1;
    END LOOP;
END $$;

CREATE FUNCTION polity.body_json(b bytea) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    at integer := 1;
    tenant text;
    id text;
    types text[];
    scopes text[];
    version numeric;
    created numeric;
    since numeric;
    list text;
BEGIN
    IF get_byte(b, 0) <> 2 THEN
        RETURN convert_from(b, 'UTF8')::json;
    END IF;
    SELECT c.at, c.x INTO at, tenant FROM polity.body_text(b, at) AS c;
    SELECT c.at, c.x INTO at, id FROM polity.body_text(b, at) AS c;
    SELECT c.at, c.n INTO at, version FROM polity.body_count(b, at) AS c;
    SELECT c.at, c.n INTO at, created FROM polity.body_number(b, at) AS c;
    SELECT c.at, c.n INTO at, since FROM polity.body_number(b, at) AS c;
    at := at + 1; -- the form of what follows
    SELECT c.at, c.list INTO at, types FROM polity.body_list(b, at) AS c;
    SELECT c.at, c.list INTO at, scopes FROM polity.body_list(b, at) AS c;
    SELECT c.list INTO list FROM polity.body_attributes(b, at) AS c;
    RETURN (CASE WHEN tenant = '' THEN '{' ELSE '{"tenant":' || to_json(tenant) || ',' END
        || '"id":' || to_json(id) || ',"types":' || to_json(types)
        || CASE WHEN scopes = '{}' THEN '' ELSE ',"scopes":' || to_json(scopes) END
        || ',"created":' || to_json(polity.body_time(created * 1000000))
        || ',"modified":' || to_json(polity.body_time((created + since) * 1000000)) || ',"version":' || version
        || CASE WHEN list = '' THEN '' ELSE ',"attributes":[' || list || ']' END || '}')::json;
END $$;

CREATE OR REPLACE VIEW polity.entity_json AS
    SELECT tenant, id, types, version, created, modified, location, polity.body_json(body) AS body
    FROM polity.entity;
