-- Structs with aliases in the text of errors; reference systems that there are and are not.
SELECT upper(struct('struct(1 AS b)' AS a));
SELECT explode(struct(1 AS a));
SELECT posexplode(upper(struct(1 AS a)));
SELECT 1 WHERE struct(1 AS a);
SELECT 'struct(1 AS a)' + array(1);
SELECT CAST(NULL AS GEOMETRY(2293));
SELECT CAST(NULL AS GEOMETRY(2181));
SELECT CAST(NULL AS GEOGRAPHY(4267));
SELECT CAST(NULL AS GEOGRAPHY(3857));
