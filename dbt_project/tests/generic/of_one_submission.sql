{#-
  No two submissions of the period overlap: rows that have the same in each column of `by` stand in one of them.
  A row that is blank in one of them is not looked at.
-#}
{% test of_one_submission(model, by) %}
{{ gate_config() }}
with judged as (
    select _submission, _row, '{{ by[0] }}' as "column",
        min(_submission) over same = max(_submission) over same as holds
    from {{ model }}
    where _period = {{ period() }}
    {% for column in by %} and {{ column }} is not null{% endfor %}
    window same as (partition by {{ by | join(', ') }})
)
{{ gate_result('judged') }}
{% endtest %}
