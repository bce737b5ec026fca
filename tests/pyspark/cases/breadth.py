"""Columns, functions and frames in breadth: what is selected, and what is refused."""

import datetime as dt
from decimal import Decimal as D

from pyspark.sql import Row
from pyspark.sql import Window as W
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StructField, StructType
from support.cases import failure


def mixed(spark):
    rows = [
        (1, "a", 10.0, dt.date(2020, 1, 1), [1, 2], {"k": 1}, Row(x=1, y="z")),
        (2, None, None, None, None, None, None),
    ]
    schema = "id int, s string, v double, d date, a array<int>, m map<string,int>, st struct<x:int,y:string>"
    return spark.createDataFrame(rows, schema)


def case_columns(spark, tmp):
    df = mixed(spark)
    return {
        "select df id 1 1 df id df id 1 1 df": df.select(df.id+1,1+df.id,df.id-1,1-df.id,df.id*2,df.id/2,2/df.id,df.id%2,2%df.id,-df.id,df.id**2,2**df.id),
        "select df id 1 df id 1 df id 1 df id": df.select(df.id==1,df.id!=1,df.id<1,df.id>=1,df.id.eqNullSafe(None),~(df.id==1),(df.id==1)&(df.v>1),(df.id==1)|True,True & (df.id==1)),
        "select df id bitwiseAND 1 df id bitw": df.select(df.id.bitwiseAND(1),df.id.bitwiseOR(2),df.id.bitwiseXOR(3)),
        "select df id isin df id 3": df.select(df.id.isin(df.id,3)),
        "select df a 0 df m k df st x df st x": df.select(df.a[0],df.m['k'],df.st['x'],df.st.x,df.a.getItem(1),df.m.getItem('k'),df.st.getField('y'),df.a.getItem(F.lit(0)),df.m.k),
        "select df s 0 1": df.select(df.s[0:1]),
        "select df st withField z F lit 1 df": df.select(df.st.withField('z',F.lit(1)),df.st.dropFields('x'),df.st.withField('x',F.lit('q'))),
        "select df st dropFields nosuch": df.select(df.st.dropFields('nosuch')),
        "select df id cast string df id cast": df.select(df.id.cast('string'),df.id.cast(LongType()),df.id.cast('decimal(5,2)'),df.s.try_cast('int'),df.id.astype('double'),df.a.cast('array<string>')),
        "select F when df id 1 x otherwise y": df.select(F.when(df.id==1,'x').otherwise('y'),F.when(df.id==1,1).when(df.id==2,2),F.when(df.id==1,df.s)),
        "select F window F col d cast timesta": df.select(F.window(F.col('d').cast('timestamp'),'1 day')).limit(1),
    }


def case_columns_refused(spark, tmp):
    df = mixed(spark)
    return {
        "select df id 1": failure(lambda: df.select(df.id & 1)),
        "select df id isin a collect": failure(lambda: df.select(df.id.isin('a'))),
        "select df a 5 collect": failure(lambda: df.select(df.a[5])),
        "select df a x collect": failure(lambda: df.select(df.a['x'])),
        "select df st nosuch": failure(lambda: df.select(df.st['nosuch'])),
        "select df id x": failure(lambda: df.select(df.id['x'])),
        "select df st dropFields x y": failure(lambda: df.select(df.st.dropFields('x','y'))),
        "select df id withField z F lit 1": failure(lambda: df.select(df.id.withField('z',F.lit(1)))),
        "select df s cast int collect": failure(lambda: df.select(df.s.cast('int'))),
        "select df s cast 1": failure(lambda: df.select(df.s.cast(1))),
        "select df d cast int": failure(lambda: df.select(df.d.cast('int'))),
        "select df id alias a b": failure(lambda: df.select(df.id.alias('a','b'))),
        "select F when df id 1 1 otherwise a": failure(lambda: df.select(F.when(df.id==1,1).otherwise('a'))),
        "select F when df id 1": failure(lambda: df.select(F.when(df.id,1))),
        "select F when True 1": failure(lambda: df.select(F.when(True,1))),
        "select F broadcast df id count": failure(lambda: df.select(F.broadcast(df).id).count()),
    }


def case_functions(spark, tmp):
    df = mixed(spark)
    return {
        "select F explode df m alias a b": df.select(F.explode(df.m).alias('a','b')),
        "select F posexplode df a alias p c": df.select(F.posexplode(df.a).alias('p','c')),
        "select F col id F column s st x st": df.select(F.col('id'),F.column('s'),'st.x','st.*'),
        "select F concat s id F concat_ws s i": df.select(F.concat('s','id'),F.concat_ws('-','s','id'),F.coalesce('s',F.lit('z')),F.upper('s'),F.length(df.s)),
        "select F greatest id v F least id v": df.select(F.greatest('id','v'),F.least('id','v')),
        "select F array_contains a 1 F array_": df.select(F.array_contains('a',1),F.array_position('a',2),F.element_at('a',1),F.element_at('m',F.lit('k')),F.size('a'),F.sort_array('a',False),F.array_join(F.array(F.lit('x')),','),F.slice('a',1,1),F.array_max('a'),F.map_keys('m'),F.explode_outer('a')),
        "select F explode a F explode m": df.select(F.explode('a'),F.explode('m')),
        "select F transform a lambda x x 1 F": df.select(F.transform('a',lambda x:x+1),F.filter('a',lambda x:x>1),F.aggregate('a',F.lit(0),lambda a,x:a+x),F.exists('a',lambda x:x>1),F.forall('a',lambda x:x>0),F.zip_with('a','a',lambda x,y:x*y),F.transform('a',lambda x,i:x+i),F.reduce('a',F.lit(0),lambda a,x:a+x,lambda a:a*2),F.array_sort('a',lambda x,y:y-x),F.map_filter('m',lambda k,v:v>0),F.transform_keys('m',lambda k,v:F.upper(k)),F.transform_values('m',lambda k,v:v+1),F.map_zip_with('m','m',lambda k,a,b:a+b)),
        "select F date_add d 1 F date_add d d": df.select(F.date_add('d',1),F.date_add('d',df.id),F.date_sub('d','id'),F.add_months('d',1),F.datediff('d',F.lit('2019-01-01')),F.months_between('d',F.lit('2019-01-15')),F.date_format('d','yyyy/MM'),F.trunc('d','year'),F.date_trunc('month','d'),F.last_day('d'),F.next_day('d','Mon'),F.year('d'),F.to_date(F.lit('2020/01/02'),'yyyy/MM/dd'),F.to_timestamp(F.lit('2020'),'yyyy'),F.unix_timestamp(F.lit('2020-01-01'),'yyyy-MM-dd'),F.from_unixtime(F.lit(0)),F.dayname('d'),F.make_date(F.lit(2020),F.lit(1),F.lit(2)),F.extract(F.lit('month'),'d'),F.date_part(F.lit('year'),'d'),F.weekofyear('d')).limit(1),
        "select F to_json st F from_json F li": df.select(F.to_json('st'),F.from_json(F.lit('{"a":1}'),'a int'),F.from_json(F.lit('{"a":1}'),StructType([StructField('a',IntegerType())])),F.get_json_object(F.lit('{"a":1}'),'$.a'),F.json_tuple(F.lit('{"a":1}'),'a'),F.schema_of_json('{"a":1}'),F.from_csv(F.lit('1'),'a int'),F.to_csv('st'),F.schema_of_csv('1')).limit(1),
        "select F rank over W orderBy id F la": df.select(F.rank().over(W.orderBy('id')),F.lag('id').over(W.orderBy('id')),F.lead('id',1,0).over(W.orderBy('id')),F.ntile(2).over(W.orderBy('id')),F.sum('id').over(W.partitionBy('s')),F.sum('id').over(W.orderBy('id').rowsBetween(-1,1)),F.nth_value('id',2).over(W.orderBy('id')),F.row_number().over(W.orderBy(F.desc('id'))),F.sum('id').over(W.orderBy('id').rangeBetween(W.unboundedPreceding,0)),F.lag('id',1,5).over(W.orderBy('id')),F.cume_dist().over(W.orderBy('id'))),
        "select F nanvl v F lit 0 0 F isnan v": df.select(F.nanvl('v',F.lit(0.0)),F.isnan('v'),F.isnull('v'),F.nvl('v',F.lit(1)),F.nullif('id',F.lit(1)),F.ifnull('v',F.lit(0)),F.nvl2('v',F.lit(1),F.lit(2)),F.zeroifnull('v'),F.equal_null('id',F.lit(None)),F.try_divide('id',F.lit(0)),F.try_add('id',F.lit(1)),F.try_element_at('a',F.lit(9))),
        "select F window d 1 day": df.select(F.window('d','1 day')),
        "select F session_window F to_timesta": df.select(F.session_window(F.to_timestamp('d'),'1 day')),
        "select F variant_get F parse_json F": df.select(F.variant_get(F.parse_json(F.lit('{"a":1}')),'$.a','int'),F.parse_json(F.lit('{"a":[1]}')),F.schema_of_variant(F.parse_json(F.lit('1'))),F.is_variant_null(F.parse_json(F.lit('null'))),F.try_parse_json(F.lit('x')),F.to_variant_object('st')).limit(1),
        "select F collation s F collate s UTF": df.select(F.collation('s'),F.collate('s','UTF8_LCASE')=='A'),
        "select F inline F array st": df.select(F.inline(F.array('st'))),
        "select F stack F lit 2 F lit 1 F lit": df.select(F.stack(F.lit(2),F.lit(1),F.lit(2))),
        "select F bitmap_bit_position id F ge": df.select(F.bitmap_bit_position('id'),F.getbit('id',F.lit(0)),F.bit_count('id'),F.bit_length('s'),F.octet_length('s'),F.char_length('s')),
        "select F try_to_number s F lit 9 F t": df.select(F.try_to_number('s',F.lit('9')),F.to_char('id',F.lit('9')),F.to_number(F.lit('5'),F.lit('9')),F.try_to_timestamp('s'),F.try_to_binary('s',F.lit('hex')),F.try_aes_decrypt('s',F.lit('0000111122223333'))),
        "select F timestamp_diff DAY F lit dt": df.select(F.timestamp_diff('DAY',F.lit(dt.datetime(2020,1,1)),F.lit(dt.datetime(2020,1,3))),F.timestamp_add('HOUR',F.lit(1),F.lit(dt.datetime(2020,1,1)))).limit(1),
        "select F sum id alias s where s 1": df.select(F.sum('id').alias('s')).where('s > 1'),
        "select spark range 3 agg F max id sc": df.select(spark.range(3).agg(F.max('id')).scalar()),
        "tvf variant_explode F parse_json F l": spark.tvf.variant_explode(F.parse_json(F.lit('[1,2]'))).select('pos'),
        "select F col id outer": df.select(F.col('id').outer()),
    }


def case_functions_refused(spark, tmp):
    df = mixed(spark)
    return {
        "select F explode df m alias a": failure(lambda: df.select(F.explode(df.m).alias('a'))),
        "select F lit 1 2": failure(lambda: df.select(F.lit((1,2)))),
        "select F greatest id": failure(lambda: df.select(F.greatest('id'))),
        "select F create_map id": failure(lambda: df.select(F.create_map('id'))),
        "select F element_at a 5 collect": failure(lambda: df.select(F.element_at('a',5))),
        "select F explode id": failure(lambda: df.select(F.explode('id'))),
        "select F explode a 1": failure(lambda: df.select(F.explode('a')+1)),
        "select F transform a lambda x y z x": failure(lambda: df.select(F.transform('a',lambda x,y,z:x))),
        "select F transform a lambda x x": failure(lambda: df.select(F.transform('a',lambda *x:x))),
        "select F transform a lambda x 1": failure(lambda: df.select(F.transform('a',lambda x:1))),
        "select F transform id lambda x x": failure(lambda: df.select(F.transform('id',lambda x:x))),
        "select F filter a lambda x x": failure(lambda: df.select(F.filter('a',lambda x:x))),
        "select F aggregate a F lit 0 lambda": failure(lambda: df.select(F.aggregate('a',F.lit(0),lambda a,x:a+F.lit('x')))),
        "select F sha2 s 5": failure(lambda: df.select(F.sha2('s',5))),
        "select F to_json s": failure(lambda: df.select(F.to_json('s'))),
        "select F json_tuple s": failure(lambda: df.select(F.json_tuple('s'))),
        "select F rank over W partitionBy s": failure(lambda: df.select(F.rank().over(W.partitionBy('s')))),
        "select F rank": failure(lambda: df.select(F.rank())),
        "select F sum id over W rowsBetween 1": failure(lambda: df.select(F.sum('id').over(W.rowsBetween(1,-1)))),
        "select F sum id over W orderBy s ran": failure(lambda: df.select(F.sum('id').over(W.orderBy('s').rangeBetween(-1,1)))),
        "select F sum id over 1": failure(lambda: df.select(F.sum('id').over(1))),
        "select F upper s over W orderBy id": failure(lambda: df.select(F.upper('s').over(W.orderBy('id')))),
        "select F expr id 1 F expr sum id ove": failure(lambda: df.select(F.expr('id + 1'),F.expr('sum(id) over ()'),F.expr('x'))),
        "select F expr id": failure(lambda: df.select(F.expr('id +'))),
        "select F call_function upper s F cal": failure(lambda: df.select(F.call_function('upper','s'),F.call_function('nosuch','s'))),
        "select F assert_true df id 1 collect": failure(lambda: df.select(F.assert_true(df.id>1))),
        "select F assert_true df id 1 bad col": failure(lambda: df.select(F.assert_true(df.id>1,'bad'))),
        "select F raise_error x collect": failure(lambda: df.select(F.raise_error('x'))),
        "select F raise_error df id collect": failure(lambda: df.select(F.raise_error(df.id))),
        "select F window s 1 day": failure(lambda: df.select(F.window('s','1 day'))),
        "select F window_time d": failure(lambda: df.select(F.window_time('d'))),
        "select F array_append a 1 F array_in": failure(lambda: df.select(F.array_append('a',1),F.array_insert('a',1,5),F.array_prepend('a',0),F.array_compact('a'),F.array_union('a','a'),F.arrays_zip('a','a'),F.flatten(F.array('a')),F.sequence(F.lit(1),'id'),F.array_repeat('id',2),F.map_from_arrays('a','a'),F.map_entries('m'),F.map_concat('m','m'),F.str_to_map(F.lit('a:1')),F.get('a',0),F.array_size('a'),F.cardinality('m'),F.array_remove('a',1),F.array_distinct('a'),F.map_contains_key('m','k'),F.array_except('a','a'))),
        "select F array_contains a x": failure(lambda: df.select(F.array_contains('a','x'))),
        "select F col a b": failure(lambda: df.select(F.col('a.b'))),
        "select F col": failure(lambda: df.select(F.col(''))),
        "select F upper 1": failure(lambda: df.select(F.upper(1))),
        "select F upper None": failure(lambda: df.select(F.upper(None))),
        "select F to_utc_timestamp d PST F fr": failure(lambda: df.select(F.to_utc_timestamp('d','PST'),F.from_utc_timestamp('d',F.lit('PST')),F.convert_timezone(None,F.lit('UTC'),'d'),F.make_timestamp(F.lit(2020),F.lit(1),F.lit(1),F.lit(1),F.lit(1),F.lit(1.5)),F.make_interval(F.lit(1)),F.make_dt_interval(F.lit(1)),F.make_ym_interval(F.lit(1)),F.current_timezone()).limit(1)),
    }


def case_frames(spark, tmp):
    df = mixed(spark)
    return {
        "agg F sum id F avg v F max s F min d": df.agg(F.sum('id'),F.avg('v'),F.max('s'),F.min('d'),F.first('s'),F.last('s',ignorenulls=True),F.collect_set('s'),F.stddev('v'),F.variance('v'),F.corr('id','v'),F.count_if(df.id>1),F.max_by('s','id'),F.mode('id'),F.median('v'),F.percentile('v',0.5),F.percentile_approx('v',[0.5],100),F.sum_distinct('id'),F.any_value('s'),F.bool_and(df.id>0),F.every(df.id>0),F.bit_and('id'),F.kurtosis('v'),F.skewness('id'),F.listagg('s',','),F.product('id'),F.approx_percentile('id',0.5),F.grouping_id() if False else F.lit(1),F.histogram_numeric('id',F.lit(2)),F.regr_count('id','v'),F.string_agg('s'),F.count(F.col('*')),F.countDistinct('id','s'),F.hll_sketch_estimate(F.hll_sketch_agg('id'))),
        "groupBy F window F to_timestamp d 1": df.groupBy(F.window(F.to_timestamp('d'),'1 day')).count(),
        "select id": df.select('`id`'),
        "groupBy df id 2 agg F sum id orderBy": df.groupBy(df.id%2).agg(F.sum('id')).orderBy(F.col('(id % 2)')),
        "groupBy st x count orderBy x": df.groupBy('st.x').count().orderBy('x'),
        "where F col id isin spark range 2": df.where(F.col('id').isin(spark.range(2))),
        "tvf range 2": spark.tvf.range(2),
        "tvf explode F array F lit 1": spark.tvf.explode(F.array(F.lit(1))),
        "tvf posexplode_outer F array": spark.tvf.posexplode_outer(F.array()),
        "tvf inline F array F struct F lit 1": spark.tvf.inline(F.array(F.struct(F.lit(1).alias('a')))),
        "tvf json_tuple F lit a 1 F lit a": spark.tvf.json_tuple(F.lit('{"a":1}'),F.lit('a')),
        "tvf stack F lit 2 F lit 1 F lit 2": spark.tvf.stack(F.lit(2),F.lit(1),F.lit(2)),
    }


def case_frames_refused(spark, tmp):
    df = mixed(spark)
    return {
        "id when True 1": failure(lambda: df.id.when(True,1)),
        "F lit a 1": failure(lambda: F.lit({'a':1})),
        "F lit object": failure(lambda: F.lit(object())),
        "agg F percentile v 2 0 collect": failure(lambda: df.agg(F.percentile('v',2.0))),
        "agg F percentile_approx v 2 0 collec": failure(lambda: df.agg(F.percentile_approx('v',2.0))),
        "select m distinct": failure(lambda: df.select('m').distinct()),
        "select m intersect df select m": failure(lambda: df.select('m').intersect(df.select('m'))),
        "join df m": failure(lambda: df.join(df,'m')),
        "select spark range 3 scalar collect": failure(lambda: df.select(spark.range(3).scalar())),
        "tvf json_tuple F lit a 1": failure(lambda: spark.tvf.json_tuple(F.lit('{"a":1}'))),
        "tvf explode F col x": failure(lambda: spark.tvf.explode(F.col('x'))),
    }
