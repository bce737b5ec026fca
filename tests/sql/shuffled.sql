-- Arrays shuffled by a seed, sketches by a long seed, JSON in lines.
SELECT shuffle(array(1, 20, 3, 5), 123), shuffle(array(1, 20, NULL, 5), 234), shuffle(array(1, 2, 2, 3, 3, 3), 345L);
SELECT shuffle(array('a', 'b', 'c', 'd', 'e', 'f', 'g'), -7), shuffle(array(1), 5), shuffle(array(), 5), shuffle(cast(NULL as array<int>), 5);
SELECT shuffle(sequence(1, 40), 9223372036854775807L);
SELECT hex(count_min_sketch(id, 1.5D, 0.2D, 1111111111111111111)) FROM range(100);
SELECT to_json(named_struct('a', 1, 'b', array(1, 2), 'c', named_struct('d', 'x"{[,:\\', 'e', array())), map('pretty', 'true'));
SELECT to_json(array(named_struct('a', 1), named_struct('a', 2)), map('pretty', 'true')), to_json(map(), map('pretty', 'true')), to_json(array(), map('pretty', 'true'));
SELECT to_json(map('k', map('l', array(array(1), array()))), map('pretty', 'true'));
