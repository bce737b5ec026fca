-- VARIANT: out of JSON, parts, casts, schemas.
SELECT parse_json('{"a":1,"b":[1,2.5,"x",null,true],"c":{"d":"2020-01-01"}}'), parse_json('1'), parse_json('"x"'), parse_json('null'), parse_json('1.50'), parse_json('1e3'), parse_json('12345678901234567890123'), parse_json('{"b":1,"a":2}');
SELECT parse_json('{a');
SELECT try_parse_json('{a'), parse_json(null), typeof(parse_json('1'));
SELECT variant_get(parse_json('{"a":1}'),'$.a','int'), variant_get(parse_json('{"a":"x"}'),'$.a','int');
SELECT variant_get(parse_json('{"a":1,"b":[10,20],"c":{"x y":1}}'),'$.b[1]','int'), variant_get(parse_json('{"a":1}'),'$.z','int'), variant_get(parse_json('{"c":{"x y":1}}'),'$.c["x y"]'), variant_get(parse_json('{"a":1}'),'$'), try_variant_get(parse_json('{"a":"x"}'),'$.a','int'), variant_get(parse_json('{"a":"12"}'),'$.a','int'), variant_get(parse_json('{"a":1.5}'),'$.a','string'), variant_get(parse_json('{"a":{"b":1}}'),'$.a','string'), variant_get(parse_json('{"a":[1,2]}'),'$.a','array<int>'), variant_get(parse_json('{"a":{"b":1}}'),'$.a','struct<b int>'), variant_get(parse_json('{"a":{"b":1}}'),'$.a','map<string,int>');
SELECT variant_get(parse_json('{"a":1}'),'a','int');
SELECT schema_of_variant(parse_json('{"a":1,"b":[1,2.5],"c":"x","d":null,"e":{}}')), schema_of_variant(parse_json('[1,"a"]')), schema_of_variant(parse_json('[]')), schema_of_variant_agg(parse_json(j)) FROM VALUES ('{"a":1}') t(j);
SELECT schema_of_variant_agg(parse_json(j)) FROM VALUES ('{"a":1}'),('{"a":"x","b":true}') t(j);
SELECT is_variant_null(parse_json('null')), is_variant_null(parse_json('1')), is_variant_null(null), to_json(parse_json('{"b":1,"a":[1.50,"x"]}')), cast(parse_json('1') as int), cast(parse_json('"x"') as string), cast(parse_json('{"a":1}') as string), cast(1 as variant), cast(array(1,2) as variant), to_variant_object(named_struct('a',1,'b',array('x'))), is_valid_variant(parse_json('1'));
SELECT parse_json('1') = parse_json('1');
SELECT cast(DATE'2020-01-01' as variant), cast(TIMESTAMP'2020-01-01' as variant), cast(1.5 as variant), cast(1.5D as variant), cast(true as variant), cast(X'0102' as variant), schema_of_variant(cast(DATE'2020-01-01' as variant)), schema_of_variant(cast(1L as variant)), schema_of_variant(cast(1.50 as variant)), cast(null as variant), cast(INTERVAL '1' DAY as variant), cast(named_struct('a',1) as variant);
SELECT sort_array(array(parse_json('1')));
SELECT parse_json('1') ORDER BY 1;
