-- AES, and the methods of Java that scripts call by reflect.
SELECT hex(aes_encrypt('Spark','abcdefghijklmnop12345678ABCDEFGH','CBC','DEFAULT',unhex('00000000000000000000000000000000'))), hex(aes_encrypt('Spark','0000111122223333','ECB')), hex(aes_encrypt('Spark','abcdefghijklmnop12345678ABCDEFGH','GCM','DEFAULT',unhex('000000000000000000000000'),'aad'));
SELECT cast(aes_decrypt(aes_encrypt('Spark','0000111122223333'),'0000111122223333') as string), length(aes_encrypt('Spark','0000111122223333'));
SELECT aes_encrypt('Spark','abc');
SELECT aes_encrypt('Spark','0000111122223333','XYZ');
SELECT aes_encrypt('Spark','0000111122223333','GCM','PKCS');
SELECT aes_encrypt('Spark','0000111122223333','CBC','DEFAULT',X'00');
SELECT aes_encrypt('Spark','0000111122223333','ECB','DEFAULT',X'00000000000000000000000000000000');
SELECT aes_encrypt('Spark','0000111122223333','CBC','DEFAULT',unhex('00000000000000000000000000000000'),'x');
SELECT aes_decrypt(X'00','0000111122223333'), 1;
SELECT aes_decrypt(X'000000000000000000000000000000000000000000000000000000000000000000000000','0000111122223333');
SELECT try_aes_decrypt(X'0000','0000111122223333'), typeof(aes_encrypt('a','0000111122223333'));
SELECT reflect('java.util.UUID','fromString','a5cf6c42-0c85-418f-af6c-3e4e5b1328f2'), java_method('java.lang.Math','abs',-5), reflect('java.lang.Math','sqrt', 2D), reflect('java.lang.Math','max', 2, 3), reflect('java.net.URLDecoder','decode','%41','UTF-8'), try_reflect('java.net.URLDecoder','decode','%');
SELECT current_path();
