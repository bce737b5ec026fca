//! What Spark says of each error condition: text, SQLSTATE and the class of the exception that a
//! client raises. The texts are recorded from Spark into `condition_table.rs`.

use crate::condition_table::RECORDED;

/// One row of the table.
#[derive(Debug)]
pub struct Condition {
    /// Full name, e.g. `UNRESOLVED_COLUMN.WITH_SUGGESTION`.
    pub name: &'static str,
    /// Text with `<parameter>` in it.
    pub template: &'static str,
    /// Five characters; empty where Spark gives none.
    pub sql_state: &'static str,
}

/// Conditions that Spark does not have.
const OWN: &[Condition] = &[Condition {
    name: "UNSUPPORTED_FEATURE.FIRESTEEL",
    template: "The feature is not supported: Firesteel does not have <feature> yet. <wayRound>",
    sql_state: "0A000",
}];

/// The row of a condition, if it is known.
pub fn lookup(name: &str) -> Option<&'static Condition> {
    let recorded = RECORDED.binary_search_by(|row| row.name.cmp(name)).ok().map(|at| &RECORDED[at]);
    recorded.or_else(|| OWN.iter().find(|row| row.name == name))
}

/// Whether Spark has a condition of that name: handlers in scripts may be for those only.
pub fn is_known(name: &str) -> bool {
    include_str!("condition_names.txt").lines().any(|own| own == name)
}

/// Conditions that Spark raises without a place in the query, also where it knows one.
pub fn is_placeless(condition: &str) -> bool {
    matches!(
        condition,
        "MISSING_AGGREGATION"
            | "UNSUPPORTED_TIME_TYPE"
            | "APPROX_TOP_K_MAX_ITEMS_TRACKED_LESS_THAN_K"
            | "APPROX_TOP_K_NON_POSITIVE_ARG"
            | "APPROX_TOP_K_NULL_ARG"
            | "COLLATION_INVALID_NAME"
            | "COLLATION_MISMATCH.EXPLICIT"
            | "INVALID_PARAMETER_VALUE.LENGTH"
            | "INVALID_VARIANT_GET_PATH"
            | "PARSE_MODE_UNSUPPORTED"
            | "UNPIVOT_VALUE_SIZE_MISMATCH"
            | "CANNOT_PARSE_TIME"
            | "NON_LITERAL_PIVOT_VALUES"
            | "UNPIVOT_VALUE_DATA_TYPE_MISMATCH"
            | "INVALID_PARAMETER_VALUE.PATTERN"
            | "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX"
            | "AMBIGUOUS_LATERAL_COLUMN_ALIAS"
            | "GROUPING_COLUMN_MISMATCH"
            | "GROUPING_ID_COLUMN_MISMATCH"
            | "QUALIFY_REQUIRES_WINDOW_FUNCTION"
            | "UNRESOLVED_USING_COLUMN_FOR_JOIN"
            | "WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE"
            | "WINDOW_FUNCTION_FRAME_NOT_ORDERED"
            | "MISSING_WINDOW_SPECIFICATION"
            | "INVALID_RECURSIVE_CTE"
            | "INVALID_RECURSIVE_REFERENCE.PLACE"
            | "CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE"
            | "INVALID_FORMAT.ESC_AT_THE_END"
            | "INVALID_FORMAT.ESC_IN_THE_MIDDLE"
            | "INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT"
            | "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS"
            | "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.HIGHER_ORDER_FUNCTION"
    )
}

/// Functions whose arguments Spark counts with their types, where it knows no place.
pub fn is_checked_late(function: &str) -> bool {
    matches!(
        function,
        "`named_struct`"
            | "`greatest`"
            | "`least`"
            | "`count`"
            | "`coalesce`"
            | "`map`"
            | "`format_string`"
            | "`printf`"
            | "`json_tuple`"
    )
}

/// Fully qualified names of the Java exception that Spark throws for this condition, most special
/// first; clients choose their exception class by them.
pub fn exception_classes(condition: &str) -> &'static [&'static str] {
    const PARSE: &[&str] =
        &["org.apache.spark.sql.catalyst.parser.ParseException", "org.apache.spark.sql.AnalysisException"];
    const ARITHMETIC: &[&str] =
        &["org.apache.spark.SparkArithmeticException", "java.lang.ArithmeticException", "java.lang.RuntimeException"];
    const NUMBER_FORMAT: &[&str] = &[
        "org.apache.spark.SparkNumberFormatException",
        "java.lang.NumberFormatException",
        "java.lang.IllegalArgumentException",
    ];
    const DATE_TIME: &[&str] =
        &["org.apache.spark.SparkDateTimeException", "java.time.DateTimeException", "java.lang.RuntimeException"];
    const INDEX: &[&str] =
        &["org.apache.spark.SparkArrayIndexOutOfBoundsException", "java.lang.ArrayIndexOutOfBoundsException"];
    const ILLEGAL_ARGUMENT: &[&str] =
        &["org.apache.spark.SparkIllegalArgumentException", "java.lang.IllegalArgumentException"];
    const UNSUPPORTED: &[&str] =
        &["org.apache.spark.SparkUnsupportedOperationException", "java.lang.UnsupportedOperationException"];
    const UPGRADE: &[&str] = &["org.apache.spark.SparkUpgradeException", "java.lang.RuntimeException"];
    const RUNTIME: &[&str] = &["org.apache.spark.SparkRuntimeException", "java.lang.RuntimeException"];
    const SPARK: &[&str] = &["org.apache.spark.SparkException", "java.lang.Exception"];
    const ANALYSIS: &[&str] = &["org.apache.spark.sql.AnalysisException"];
    const CLASS_NOT_FOUND: &[&str] =
        &["org.apache.spark.SparkClassNotFoundException", "java.lang.ClassNotFoundException"];
    // Exceptions of Java and of libraries under Spark, which have no condition there: the names are ours.
    const JAVA_ARITHMETIC: &[&str] = &["java.lang.ArithmeticException", "java.lang.RuntimeException"];
    const JAVA_CLASS_NOT_FOUND: &[&str] = &["java.lang.ClassNotFoundException"];
    const JAVA_NUMBER_FORMAT: &[&str] = &["java.lang.NumberFormatException", "java.lang.IllegalArgumentException"];
    const NO_SUCH_ELEMENT: &[&str] = &["java.util.NoSuchElementException"];
    const PARENT_NOT_DIRECTORY: &[&str] = &["org.apache.hadoop.fs.ParentNotDirectoryException", "java.io.IOException"];
    const SQL_EXCEPTION: &[&str] = &["java.sql.SQLException"];
    const STREAMING_QUERY: &[&str] = &["org.apache.spark.sql.streaming.StreamingQueryException"];
    const ILLEGAL_STATE: &[&str] = &["java.lang.IllegalStateException", "java.lang.RuntimeException"];
    const IO: &[&str] = &["java.io.IOException"];
    const FILE_NOT_FOUND: &[&str] = &["java.io.FileNotFoundException", "java.io.IOException"];
    const NO_SUCH_FILE: &[&str] = &["java.nio.file.NoSuchFileException", "java.io.IOException"];
    const ASSERTION: &[&str] = &["java.lang.AssertionError", "java.lang.Error", "java.lang.Throwable"];
    const SQLITE_EXCEPTION: &[&str] = &["org.sqlite.SQLiteException", "java.sql.SQLException"];

    const PYTHON: &[&str] =
        &["org.apache.spark.api.python.PythonException", "java.lang.RuntimeException", "java.lang.Exception"];

    const SCRIPTING: &[&str] = &["org.apache.spark.sql.exceptions.SqlScriptingException"];

    match condition {
        "STREAMING_OUTPUT_MODE.INVALID"
        | "INVALID_INTERVAL_FORMAT.UNRECOGNIZED_NUMBER"
        | "INVALID_INTERVAL_FORMAT.INVALID_FRACTION"
        | "INVALID_INTERVAL_FORMAT.INVALID_UNIT"
        | "INVALID_INTERVAL_FORMAT.MISSING_UNIT"
        | "NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION"
        | "_LEGACY_ERROR_TEMP_3262" => return ILLEGAL_ARGUMENT,
        // Found by the analyzer, not by the parser.
        "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX" => return ANALYSIS,
        // What the analyzer refuses is an AnalysisException, unlike other unsupported features.
        "UNSUPPORTED_FEATURE.TABLE_OPERATION"
        | "UNSUPPORTED_FEATURE.DROP_DATABASE"
        | "UNSUPPORTED_FEATURE.COLLATIONS_IN_MAP_KEYS"
        | "UNSUPPORTED_FEATURE.ANALYZE_VIEW"
        | "UNSUPPORTED_FEATURE.ANALYZE_UNSUPPORTED_COLUMN_TYPE"
        | "UNSUPPORTED_FEATURE.PYTHON_UDF_IN_ON_CLAUSE"
        | "UNSUPPORTED_FEATURE.PANDAS_UDAF_IN_PIVOT"
        | "UNSUPPORTED_FEATURE.LAMBDA_FUNCTION_WITH_PYTHON_UDF" => return ANALYSIS,
        "UNSUPPORTED_FEATURE.SET_TABLE_PROPERTY" => return PARSE,
        "UNSUPPORTED_FEATURE.AES_MODE" | "UNSUPPORTED_FEATURE.AES_MODE_AAD" | "UNSUPPORTED_FEATURE.AES_MODE_IV" => {
            return RUNTIME;
        }
        "UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN"
        | "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE"
        | "UNSUPPORTED_FEATURE.SET_OPERATION_ON_VARIANT_TYPE" => return ANALYSIS,
        "SECOND_FUNCTION_ARGUMENT_NOT_INTEGER"
        | "INVALID_PARAMETER_VALUE.BINARY_FORMAT"
        | "INVALID_PARAMETER_VALUE.LONG" => return ANALYSIS,
        "_LEGACY_ERROR_TEMP_2128" | "INVALID_PARAMETER_VALUE.LENGTH" => return RUNTIME,
        "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER" | "_LEGACY_ERROR_TEMP_3242" => return ILLEGAL_ARGUMENT,
        "INVALID_PARAMETER_VALUE.TIME_UNIT"
        | "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE"
        | "INVALID_PARAMETER_VALUE.CHARSET" => return ILLEGAL_ARGUMENT,
        "INVALID_PARAMETER_VALUE.ZERO_INDEX"
        | "INVALID_FORMAT.ESC_AT_THE_END"
        | "INVALID_FORMAT.ESC_IN_THE_MIDDLE"
        | "INVALID_FORMAT.CONT_THOUSANDS_SEPS"
        | "INVALID_FORMAT.CUR_MUST_BEFORE_DIGIT"
        | "INVALID_FORMAT.EMPTY"
        | "INVALID_FORMAT.WRONG_NUM_DIGIT"
        | "INVALID_FORMAT.WRONG_NUM_TOKEN"
        | "INVALID_FORMAT.UNEXPECTED_TOKEN"
        | "INVALID_FORMAT.THOUSANDS_SEPS_MUST_BEFORE_DEC" => return ANALYSIS,
        "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN" => return ILLEGAL_ARGUMENT,
        "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH"
        | "INVALID_LATERAL_JOIN_TYPE"
        | "_LEGACY_ERROR_TEMP_0064"
        | "UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE" => return PARSE,
        "DUPLICATED_CTE_NAMES" => return PARSE,
        "CANNOT_LOAD_STATE_STORE.SNAPSHOT_PARTITION_ID_NOT_FOUND" => return RUNTIME,
        "_LEGACY_ERROR_TEMP_3231" | "HINT_UNSUPPORTED_FOR_JDBC_DIALECT" => return ILLEGAL_ARGUMENT,
        "UNSUPPORTED_FEATURE.CONTINUE_EXCEPTION_HANDLER" | "UNSUPPORTED_FEATURE.SQL_SCRIPTING" => return SCRIPTING,
        _ => {}
    }
    let family = condition.split('.').next().unwrap_or(condition);
    match family {
        "PARSE_SYNTAX_ERROR"
        | "PARSE_EMPTY_STATEMENT"
        | "INVALID_SQL_SYNTAX"
        | "INVALID_IDENTIFIER"
        | "UNCLOSED_BRACKETED_COMMENT"
        | "DESCRIBE_JSON_NOT_EXTENDED"
        | "INVALID_BUCKET_COUNT"
        | "INVALID_TEMP_OBJ_QUALIFIER"
        | "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED"
        | "SPECIFY_CLUSTER_BY_WITH_BUCKETING_IS_NOT_ALLOWED"
        | "_LEGACY_ERROR_TEMP_0032"
        | "_LEGACY_ERROR_TEMP_0034"
        | "INVALID_TYPED_LITERAL"
        | "DATATYPE_MISSING_SIZE"
        | "IDENTITY_COLUMNS_DUPLICATED_SEQUENCE_GENERATOR_OPTION"
        | "IDENTITY_COLUMNS_ILLEGAL_STEP"
        | "IDENTITY_COLUMNS_UNSUPPORTED_DATA_TYPE"
        | "NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION"
        | "NON_LAST_NOT_MATCHED_CLAUSE_OMIT_CONDITION"
        | "NON_LAST_NOT_MATCHED_BY_SOURCE_CLAUSE_OMIT_CONDITION"
        | "REF_DEFAULT_VALUE_IS_NOT_ALLOWED_IN_PARTITION"
        | "UNSUPPORTED_DATATYPE"
        | "_LEGACY_ERROR_TEMP_0026"
        | "_LEGACY_ERROR_TEMP_0029"
        | "_LEGACY_ERROR_TEMP_0063" => PARSE,
        "DUPLICATE_CONDITION_IN_SCOPE"
        | "DUPLICATE_EXCEPTION_HANDLER"
        | "INVALID_HANDLER_DECLARATION"
        | "INVALID_SQLSTATE"
        | "INVALID_BOOLEAN_STATEMENT"
        | "INVALID_ERROR_CONDITION_DECLARATION"
        | "INVALID_LABEL_USAGE"
        | "LABEL_OR_FOR_VARIABLE_ALREADY_EXISTS"
        | "LABELS_MISMATCH"
        | "END_LABEL_WITHOUT_BEGIN_LABEL" => SCRIPTING,
        "RECURSION_LEVEL_LIMIT_EXCEEDED"
        | "CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE"
        | "RECURSION_ROW_LIMIT_EXCEEDED"
        | "_LEGACY_ERROR_TEMP_2264"
        | "_LEGACY_ERROR_TEMP_2265"
        | "ROW_SUBQUERY_TOO_MANY_ROWS"
        | "SCALAR_SUBQUERY_TOO_MANY_ROWS" => SPARK,
        "DIVIDE_BY_ZERO"
        | "ARITHMETIC_OVERFLOW"
        | "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"
        | "BINARY_ARITHMETIC_OVERFLOW"
        | "CAST_OVERFLOW"
        | "CAST_OVERFLOW_IN_TABLE_INSERT"
        | "NUMERIC_VALUE_OUT_OF_RANGE"
        | "INTERVAL_ARITHMETIC_OVERFLOW"
        | "INTERVAL_DIVIDED_BY_ZERO"
        | "DATETIME_OVERFLOW"
        | "REMAINDER_BY_ZERO" => ARITHMETIC,
        "CAST_INVALID_INPUT" => NUMBER_FORMAT,
        "INVALID_FRACTION_OF_SECOND"
        | "CANNOT_PARSE_TIME"
        | "CANNOT_PARSE_TIMESTAMP"
        | "DATETIME_FIELD_OUT_OF_BOUNDS"
        | "INVALID_TIMEZONE" => DATE_TIME,
        "INVALID_ARRAY_INDEX" | "INVALID_ARRAY_INDEX_IN_ELEMENT_AT" | "INVALID_BITMAP_POSITION" => INDEX,
        "INCONSISTENT_BEHAVIOR_CROSS_VERSION" => UPGRADE,
        "INVALID_PARAMETER_VALUE"
        | "USER_RAISED_EXCEPTION"
        | "DUPLICATED_MAP_KEY"
        | "NULL_MAP_KEY"
        | "NOT_NULL_ASSERT_VIOLATION"
        | "EXCEED_LIMIT_LENGTH"
        | "LOCATION_ALREADY_EXISTS"
        | "MALFORMED_CSV_RECORD"
        | "OPTION_VALUE_EXCEEDS_ONE_CHARACTER"
        | "EMPTY_PARTITION_COLUMN_VALUE"
        | "CONFLICTING_PARTITION_COLUMN_NAMES"
        | "INVALID_PARTITION_VALUE"
        | "_LEGACY_ERROR_TEMP_2146"
        | "INVALID_INDEX_OF_ZERO"
        | "COMPARATOR_RETURNS_NULL"
        | "INVALID_REGEXP_REPLACE"
        | "INVALID_DATETIME_PATTERN"
        | "MALFORMED_CHARACTER_CODING"
        | "SECOND_FUNCTION_ARGUMENT_NOT_INTEGER"
        | "HLL_INVALID_INPUT_SKETCH_BUFFER"
        | "HLL_INVALID_LG_K"
        | "HLL_UNION_DIFFERENT_LG_K"
        | "KLL_INVALID_INPUT_SKETCH_BUFFER"
        | "KLL_SKETCH_INVALID_QUANTILE_RANGE"
        | "SKETCH_INVALID_LG_NOM_ENTRIES"
        | "THETA_INVALID_INPUT_SKETCH_BUFFER"
        | "TUPLE_INVALID_INPUT_SKETCH_BUFFER"
        | "INVALID_VARIANT_CAST"
        | "INVALID_VARIANT_GET_PATH"
        | "MALFORMED_VARIANT"
        | "VARIANT_DUPLICATE_KEY"
        | "VECTOR_DIMENSION_MISMATCH"
        | "INVALID_VECTOR_NORM_DEGREE"
        | "APPROX_TOP_K_MAX_ITEMS_TRACKED_EXCEEDS_LIMIT"
        | "APPROX_TOP_K_MAX_ITEMS_TRACKED_LESS_THAN_K"
        | "APPROX_TOP_K_NON_POSITIVE_ARG"
        | "APPROX_TOP_K_NULL_ARG"
        | "APPROX_TOP_K_SKETCH_SIZE_NOT_MATCH"
        | "APPROX_TOP_K_SKETCH_TYPE_NOT_MATCH"
        | "STDS_COMMITTED_BATCH_UNAVAILABLE"
        | "STDS_OFFSET_LOG_UNAVAILABLE"
        | "STDS_CONFLICT_OPTIONS"
        | "STDS_FAILED_TO_READ_STATE_SCHEMA"
        | "STDS_INVALID_OPTION_VALUE"
        | "INDETERMINATE_COLLATION"
        | "STDS_REQUIRED_OPTION_UNSPECIFIED"
        | "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER" => RUNTIME,
        "INVALID_FORMAT"
        | "INVALID_INTERVAL_FORMAT"
        | "INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION"
        | "INVALID_UTF8_STRING"
        | "INVALID_URL"
        | "CANNOT_DECODE_URL"
        | "CONVERSION_INVALID_INPUT"
        | "ILLEGAL_DAY_OF_WEEK"
        | "INVALID_CONF_VALUE"
        | "STRUCT_ARRAY_LENGTH_MISMATCH" => ILLEGAL_ARGUMENT,
        "CODEC_NOT_AVAILABLE"
        | "CODEC_SHORT_NAME_NOT_FOUND"
        | "INVALID_DELIMITER_VALUE"
        | "UNRECOGNIZED_STATISTIC"
        | "ST_INVALID_ENDIANNESS_VALUE"
        | "ST_INVALID_SRID_VALUE"
        | "WKB_PARSE_ERROR"
        | "_LEGACY_ERROR_TEMP_2047"
        | "_LEGACY_ERROR_TEMP_2048"
        | "STATEFUL_PROCESSOR_UNKNOWN_TIME_MODE"
        | "STREAMING_REAL_TIME_MODE"
        | "_LEGACY_ERROR_TEMP_2078"
        | "_LEGACY_ERROR_TEMP_2079"
        | "_LEGACY_ERROR_TEMP_2080"
        | "_LEGACY_ERROR_TEMP_2081"
        | "_LEGACY_ERROR_TEMP_2082"
        | "_LEGACY_ERROR_TEMP_2087"
        | "_LEGACY_ILLEGAL_ARGUMENT" => ILLEGAL_ARGUMENT,
        "DATA_SOURCE_NOT_FOUND" => CLASS_NOT_FOUND,
        "_LEGACY_ARITHMETIC" => JAVA_ARITHMETIC,
        "_LEGACY_CLASS_NOT_FOUND" => JAVA_CLASS_NOT_FOUND,
        "PYTHON_EXCEPTION" => PYTHON,
        "_LEGACY_ERROR_TEMP_2147" | "_LEGACY_ERROR_TEMP_3016" | "CANNOT_MERGE_SCHEMAS" => SPARK,
        "UNABLE_TO_ACQUIRE_MEMORY" | "PARTITION_TRANSFORM_EXPRESSION_NOT_IN_PARTITIONED_BY" => SPARK,
        "_LEGACY_SPARK" => SPARK,
        "_LEGACY_JOB_ABORTED" | "_LEGACY_PYTHON_WORKER_EXITED" | "_LEGACY_PICKLE" | "ARROW_TYPE_MISMATCH" => SPARK,
        "_LEGACY_NO_SUCH_ELEMENT" => NO_SUCH_ELEMENT,
        "_LEGACY_NUMBER_FORMAT" => JAVA_NUMBER_FORMAT,
        "_LEGACY_PARENT_NOT_DIRECTORY" => PARENT_NOT_DIRECTORY,
        "_LEGACY_SQL_EXCEPTION" => SQL_EXCEPTION,
        "_LEGACY_SQLITE_EXCEPTION" => SQLITE_EXCEPTION,
        "CANNOT_MODIFY_CONFIG" => ANALYSIS,
        "STREAM_FAILED" => STREAMING_QUERY,
        "_LEGACY_ILLEGAL_STATE" => ILLEGAL_STATE,
        "_LEGACY_IO_EXCEPTION" => IO,
        "_LEGACY_FILE_NOT_FOUND" => FILE_NOT_FOUND,
        "_LEGACY_NO_SUCH_FILE" => NO_SUCH_FILE,
        "_LEGACY_ASSERTION" => ASSERTION,
        "_LEGACY_ERROR_TEMP_2049" | "_LEGACY_ERROR_TEMP_2242" | "_LEGACY_ERROR_TEMP_3176" => UNSUPPORTED,
        "CONCURRENT_STREAM_LOG_UPDATE"
        | "FOREACH_BATCH_USER_FUNCTION_ERROR"
        | "FOREACH_USER_FUNCTION_ERROR"
        | "STREAMING_CHECKPOINT_MISSING_METADATA_FILE"
        | "CANNOT_LOAD_STATE_STORE"
        | "INVALID_LOG_VERSION" => SPARK,
        "UNSUPPORTED_FEATURE" | "UNSUPPORTED_PARTITION_TRANSFORM" | "UNSUPPORTED_CALL" => UNSUPPORTED,
        "INTERNAL_ERROR"
        | "COLLATION_INVALID_NAME"
        | "UNSUPPORTED_TIME_PRECISION"
        | "CATALOG_NOT_FOUND"
        | "FAILED_READ_FILE"
        | "MALFORMED_RECORD_IN_PARSING"
        | "TASK_WRITE_FAILED"
        | "OPERATION_CANCELED" => SPARK,
        _ => ANALYSIS,
    }
}
