curl -X POST https://your-domain.com/openai/v1/images/edits \
  -H "Authorization: Bearer sk-koci_your_api_key" \
  -F "image=@reference.png" \
  -F "prompt=将背景改为星空,保留主体人物" \
  -F "model=image-2-hd" \
  -F "size=1024x1024"
