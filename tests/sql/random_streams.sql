-- Functions of chance with a seed: a sequence of its own for each call and each partition, that goes on from row to row.
SELECT id, uniform(0, 1000, 5) FROM range(0, 12, 1, 4);
SELECT id, randstr(5, 9) FROM range(0, 12, 1, 4);
SELECT id, uuid(3) FROM range(0, 12, 1, 4);
SELECT id, shuffle(array(1, 2, 3, 4, 5), 11) FROM range(0, 12, 1, 4);
SELECT id, shuffle(sequence(1, id + 1), 4) FROM range(0, 8, 1, 2);
SELECT id, rand(5) = rand(5), uniform(0, 1000, 5) = uniform(0, 1000, 5) FROM range(0, 6, 1, 3);
SELECT uniform(0, 1000, 1), randstr(3, 1), uuid(1), shuffle(array(1, 2, 3), 1);
SELECT count(*) FROM range(0, 100, 1, 4) WHERE uniform(0, 100, 3) < 50;
SELECT sum(uniform(0, 100, 3)) FROM range(0, 100, 1, 4);
SELECT id, CASE WHEN id % 2 = 0 THEN uniform(0, 100, 3) ELSE -1 END FROM range(0, 4, 1, 1);
