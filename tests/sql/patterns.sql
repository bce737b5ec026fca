-- Regular expressions with Java's syntax.
SELECT 'abc' RLIKE 'a(?=b)', 'abd' RLIKE 'a(?!b)', regexp_extract('price: 100 USD', '(?<=price: )\\d+', 0), regexp_replace('foobar', 'foo(?=bar)', 'X');
SELECT regexp_replace('aabbcc', '(.)\\1', '<$1>'), regexp_extract_all('abab cdcd', '(\\w\\w)\\1', 1), split('a1b22c', '(?<=\\d)(?=\\D)'), 'aaa' RLIKE 'a*+a', 'aab' RLIKE '(?>a*)b';
SELECT regexp_replace('2024-01-31', '(?<y>\\d+)-(?<m>\\d+)-(?<d>\\d+)', concat('$', '{d}.$', '{m}.$', '{y}')), regexp_replace('abc', '(b)', '[$1]'), regexp_replace('abc', 'b', '\\$'), regexp_replace('abc', '(a)(b)', '$2$1'), regexp_replace('ab', '(a)', '$10');
SELECT regexp_replace('abc', '(b)', '$2');
SELECT regexp_replace('abc', 'b', '$');
SELECT regexp_replace('a', '(', 'b');
SELECT 'a' RLIKE '(';
SELECT regexp_extract('a', 'a', 2);
SELECT regexp_count('aXbX', '(?i)x'), regexp_instr('abc', 'c'), regexp_substr('abc', '[b-c]+'), regexp_like('abc', '^a.c$'), regexp('abc', 'B'), regexp_count('abcabc', '(?=abc)');
SELECT split('one  two', '\\s++'), split('a.b', '\\.'), regexp_replace('a\\b', '\\\\', '/'), regexp_extract('key=value', '(\\w+)=(\\w+)', 2), regexp_extract('no', '(x)', 1);
SELECT a, regexp_replace(a, p, '#') FROM VALUES ('foo1', '\\d'), ('bar', '(?<=b)a'), (null, 'x'), ('x', null) t(a, p);
